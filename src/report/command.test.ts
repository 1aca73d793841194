import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveRecipe } from '../runs/index.js';
import { repeatCommand } from './command.js';

test('a run is repeated by the flags that differ from the defaults', () => {
  const given = {
    ...{ model: '/my models/a.onnx', data: 'digits', method: 'fggp', sparsity: 0.9 },
    ...{ seed: 3, augment: false, spare: ['conv1.weight', 'fc.*'] },
  };
  assert.equal(
    repeatCommand(resolveRecipe('prune', given, '1.0.0')),
    "espalier prune '/my models/a.onnx' --data digits --method fggp --sparsity 0.9 --no-augment --seed 3 --spare 'conv1.weight,fc.*' --out again",
  );
  const trained = resolveRecipe('train', { model: 'resnet8', data: 'digits', lr: 0.1, epochs: 4 }, '1.0.0');
  assert.equal(repeatCommand(trained), 'espalier train resnet8 --data digits --epochs 4 --out again');
});

test('targets and settings that a setting sets by default are told as they were', () => {
  const given = {
    model: 'resnet8',
    data: 'digits',
    method: 'l1-filters',
    macs: 0.5,
    epochs: 3,
    optimizer: 'adam',
  };
  const command = repeatCommand(resolveRecipe('prune', given, '1.0.0'));
  assert.match(command, /--method l1-filters .*--macs 0\.5/);
  assert.match(command, /--optimizer adam/);
  assert.doesNotMatch(command, /--recipe/);
});

test('a recipe that flags cannot give is read from its file', () => {
  const recipe = resolveRecipe('train', { model: 'resnet8', data: 'digits' }, '1.0.0');
  const { momentum: _, ...older } = { momentum: 0, ...recipe };
  assert.equal(repeatCommand(older as typeof recipe), 'espalier train --recipe recipe.json --out again');
});
