import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../base/index.js';
import { namedToSpare } from './spare.js';

const names = ['conv1.weight', 'layer1.0.conv1.weight', 'layer1.0.conv2.weight', 'fc/MatMul_W[0]'];
const spared = (...spare: string[]) => [...namedToSpare(spare, names)];

test('names and patterns', () => {
  assert.deepEqual(spared(), []);
  assert.deepEqual(spared('conv1.weight'), ['conv1.weight']);
  assert.deepEqual(spared('layer1*'), ['layer1.0.conv1.weight', 'layer1.0.conv2.weight']);
  assert.deepEqual(spared('*conv1.weight', 'conv1.weight'), ['conv1.weight', 'layer1.0.conv1.weight']);
  assert.deepEqual(spared('fc/MatMul_W[0]'), ['fc/MatMul_W[0]']);
  assert.deepEqual(spared('fc/*W[0]'), ['fc/MatMul_W[0]']);
  assert.deepEqual(spared('*'), names);
});

test('what fits none is refused, with the nearest name', () => {
  assert.throws(
    () => spared('conv1.weigt'),
    (error) =>
      error instanceof UserError &&
      error.message.startsWith(
        'There is no prunable layer conv1.weigt to spare (did you mean conv1.weight?); there are',
      ),
  );
  for (const wanted of ['conv', 'layer1.0?conv1.weight', 'fc/MatMul_W0', '(', ''])
    assert.throws(() => spared(wanted), UserError);
});
