import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from './nearest.js';

test('finds what was meant, and nothing where nothing is near', () => {
  const names = ['resnet20', 'resnet50', 'vgg19', 'conv2'];
  assert.equal(nearest('ResNet-20', names), 'resnet20');
  assert.equal(nearest('resent20', names), 'resnet20');
  assert.equal(nearest('vgg', names), undefined);
  assert.equal(nearest('vgg18', names), 'vgg19');
  assert.equal(nearest('transformer', names), undefined);
  assert.equal(nearest('', names), undefined);
  assert.equal(nearest('x', []), undefined);
});
