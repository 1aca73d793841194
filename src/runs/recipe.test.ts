import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { UserError } from '../base/index.js';
import { type PruneRecipe, readRecipe, resolveRecipe } from './recipe.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-recipe-'));
after(() => rmSync(root, { recursive: true, force: true }));

const train = { model: 'resnet8', data: 'digits' };
const prune = { ...train, method: 'fggp', sparsity: 0.9 };

test('a resolved recipe has every setting and resolves to itself', () => {
  const recipe = resolveRecipe('prune', { ...prune, epochs: 3 }, '1.0.0') as PruneRecipe;
  assert.equal(recipe.epochs, 3);
  assert.equal(recipe.selectRatio, 0.5);
  assert.equal(recipe.pruningSchedule, 'cubic');
  assert.equal(recipe.momentum, 0.9);
  const again = resolveRecipe('prune', JSON.parse(JSON.stringify(recipe)), '1.0.0');
  assert.equal(JSON.stringify(again), JSON.stringify(recipe));
});

test('the highest learning rate depends on optimiser and command', () => {
  assert.equal(resolveRecipe('train', train, '').lr, 0.1);
  assert.equal(resolveRecipe('train', { ...train, optimizer: 'adam' }, '').lr, 0.001);
  assert.equal(resolveRecipe('prune', prune, '').lr, 0.05);
});

test('paths do not depend on where a recipe is taken up again', () => {
  const { model, data } = resolveRecipe('train', { model: 'a/m.onnx', data: 'images:photos' }, '');
  assert.deepEqual([model, data], [resolve('a/m.onnx'), `images:${resolve('photos')}`]);
  assert.equal(resolveRecipe('train', { ...train, data: 'cifar10:~/c' }, '').data, 'cifar10:~/c');
});

test('a recipe may give a setting under the name that it had before, and a value under the new name counts', () => {
  const given = { model: 'm.onnx', data: 'digits', method: 'depgraph', macs: 0.5 };
  const now = resolveRecipe('prune', { ...given, maxSparsity: 0.4 }, '1');
  assert.deepEqual(resolveRecipe('prune', { ...given, maxRatio: 0.4 }, '1'), now);
  assert.deepEqual(resolveRecipe('prune', { ...given, maxRatio: 0.9, maxSparsity: 0.4 }, '1'), now);
  assert.throws(() => resolveRecipe('prune', { ...given, maxRatio: 2 }, '1'), /setting maxSparsity must/);
  const weights = { model: 'm.onnx', data: 'digits', method: 'gmp', sparsity: 0.5, maxRatio: 0.4 };
  assert.throws(() => resolveRecipe('prune', weights, '1'), /no setting maxSparsity/);
});

test('settings that make no sense are refused by name', () => {
  const cases: [object, RegExp][] = [
    [{ ...train, data: undefined }, /data are missing: give --data/],
    [{ ...train, model: undefined }, /model to prune is missing/],
    [{ ...prune, method: 'fgp' }, /no pruning method "fgp" \(did you mean fggp\?\)/],
    [{ ...prune, sparsity: undefined }, /target is missing/],
    [
      { ...prune, sparsity: 1.5 },
      /sparsity must be a number above 0 and below 1, such as 0\.9, but it is 1\.5/,
    ],
    [{ ...prune, epocs: 3 }, /no setting "epocs" \(did you mean epochs\?\)/],
    [{ ...prune, epochs: 2.5 }, /epochs must be a whole number of at least 0, but it is 2\.5/],
    [{ ...prune, augment: 'yes' }, /augment must be true or false, but it is "yes"/],
    [{ ...prune, milestones: [1, 'x'] }, /milestones must be a list of numbers/],
    [{ ...prune, schedule: 'cos' }, /schedule must be one of cosine, step, multi-step, constant/],
    [{ ...prune, schedule: 'step' }, /schedule step needs every/],
    [{ ...prune, optimizer: 'adam', momentum: 0.5 }, /optimiser adam has no setting momentum/],
    [{ ...prune, warmup: 20 }, /warm-up of 20 epochs is longer than the run of 10/],
    [
      { ...train, method: 'soft-fpgm', macs: 0.5, importance: 'group-taylor' },
      /set to 0 repeatedly, by their weights, but group-taylor needs gradients: choose another/,
    ],
    [{ ...prune, command: 'train' }, /is for another command than prune/],
  ];
  for (const [given, message] of cases)
    assert.throws(
      () => resolveRecipe('prune', given, ''),
      (error: Error) => {
        assert.ok(error instanceof UserError, String(error.stack));
        assert.match(error.message, message);
        return true;
      },
    );
});

test('a setting that contains itself, or is long, is refused in a sentence', async () => {
  const path = join(root, 'circle.yaml');
  writeFileSync(path, 'model: resnet20\ndata: digits\nlr: &a [*a]\n');
  const given = await readRecipe(path);
  assert.throws(() => resolveRecipe('train', given, ''), /lr .*contains itself/);
  assert.throws(
    () => resolveRecipe('train', { model: 'resnet20', data: 'digits', lr: 'x'.repeat(1e5) }, ''),
    (error: Error) => error instanceof UserError && error.message.length < 400,
  );
});

test('recipes are read from YAML, JSON and modules', async () => {
  const write = (name: string, text: string) => {
    writeFileSync(join(root, name), text);
    return join(root, name);
  };
  const content = { epochs: 3, spare: ['a', 'b'] };
  assert.deepEqual(await readRecipe(write('a.yaml', 'epochs: 3\nspare: [a, b]\n')), content);
  assert.deepEqual(await readRecipe(write('a.json', JSON.stringify(content))), content);
  assert.deepEqual(await readRecipe(write('a.mjs', `export default ${JSON.stringify(content)};`)), content);
  const refused: [string, string, RegExp][] = [
    ['b.yaml', 'epochs: [3\n', /b\.yaml is not valid YAML/],
    ['c.yaml', '', /c\.yaml contains no settings/],
    ['d.mjs', 'export default {', /d\.mjs cannot be loaded/],
  ];
  for (const [name, text, message] of refused) await assert.rejects(readRecipe(write(name, text)), message);
  await assert.rejects(readRecipe(join(root, 'nowhere.yaml')), /nowhere\.yaml: no such file/);
});
