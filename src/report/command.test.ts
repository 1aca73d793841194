import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Recipe, resolveRecipe } from '../runs/index.js';
import { repeatCommand } from './command.js';

test('a run is repeated by what it was told, and what a command would otherwise choose by itself', () => {
  const given = {
    ...{ model: '/my models/a.onnx', data: 'digits', method: 'fggp', sparsity: 0.9 },
    ...{ seed: 3, augment: false, spare: ['conv1.weight', 'fc.*'], because: { lr: 'it was tried' } },
  };
  assert.equal(
    repeatCommand(resolveRecipe('prune', given, '1.0.0')),
    "espalier prune '/my models/a.onnx' --data digits --method fggp --sparsity 0.9 --epochs 10 --batch 128 --no-augment --lr 0.05 --warmup 0 --seed 3 --spare 'conv1.weight,fc.*' --out again",
  );
});

test('a setting that follows from another one is not told', () => {
  const given = {
    ...{ model: 'resnet8', data: 'digits', method: 'l1-filters', macs: 0.5, epochs: 3 },
    ...{ optimizer: 'adam', teacher: 'self' },
  };
  const command = repeatCommand(resolveRecipe('prune', given, '1.0.0'));
  assert.match(command, /--method l1-filters --macs 0\.5 .*--teacher self --optimizer adam --out/);
  assert.doesNotMatch(command, /--temperature|--fine-tune|--recipe/);
});

test('a recipe that flags cannot give is read from its file', () => {
  const recipe = { ...resolveRecipe('train', { model: 'resnet8', data: 'digits' }, '1.0.0'), momentum: 2 };
  assert.equal(repeatCommand(recipe as Recipe), 'espalier train --recipe recipe.json --out again');
});

test('paths stay relative to the folder of the run', () => {
  const given = { model: 'resnet8', data: 'images:photos', method: 'gmp', sparsity: 0.5 };
  const kept = { ...resolveRecipe('prune', given, '1.0.0'), model: '../a.onnx', data: 'images:../photos' };
  assert.match(repeatCommand(kept), /^espalier prune \.\.\/a\.onnx --data images:\.\.\/photos --method gmp/);
});
