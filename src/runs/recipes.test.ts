/** The recipes and studies that come with the package. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { structuredMethods } from '../channels/index.js';
import { zoo } from '../nn/index.js';
import { findMethod, learntMethods } from '../sparsity/index.js';
import { layer } from '../sparsity/layer.test.fixture.js';
import { methodOptions, pruningOf } from './pruning.js';
import { type PruneRecipe, readRecipe, resolveRecipe, trainerSettings } from './recipe.js';
import { rescaleRecipe } from './rescale.js';
import { startRun } from './run.js';
import { stagesOf } from './structured/stages.js';
import { readStudy, studyRuns } from './study/index.js';
import { openModel } from './task.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-recipes-'));
after(() => rmSync(root, { recursive: true, force: true }));

const filesIn = (name: string): string[] => {
  const folder = fileURLToPath(new URL(`../../${name}`, import.meta.url));
  return readdirSync(folder).map((file) => join(folder, file));
};

const layers = [
  layer('conv1', [16, 1, 3, 3], { first: true }),
  layer('conv2', [64, 64, 3, 3]),
  layer('fc', [10, 64]),
];

/** Has the method read its options, and plan a run of so many epochs. */
async function assertPlanned(recipe: PruneRecipe): Promise<void> {
  if (structuredMethods.some(({ name }) => name === recipe.method))
    return assert.ok(stagesOf(recipe, false).length > 1);
  if (learntMethods.some(({ name }) => name === recipe.method)) {
    const task = { ...(await openModel({ model: 'resnet8' })), dataset: undefined as never };
    pruningOf(recipe, task, { ...trainerSettings(recipe), steps: 391 }, () => {});
    return;
  }
  const context = { layers, iterations: 391 * recipe.epochs, seed: 0 };
  const plan = findMethod(recipe.method).plan(context, methodOptions(recipe));
  assert.ok(plan.pruned > 0);
}

test('every recipe is complete and sound, at its own length and at another', async () => {
  const files = filesIn('recipes');
  assert.ok(files.length > 20);
  for (const file of files) {
    const given = await readRecipe(file);
    for (const epochs of [undefined, 8]) {
      const recipe = resolveRecipe('prune', rescaleRecipe(given, epochs), '') as PruneRecipe;
      assert.ok(recipe.model in zoo, `${file}: ${recipe.model}`);
      await assertPlanned(recipe);
    }
    for (const name of ['epochs', 'batch', 'lr', 'weightDecay', 'model', 'data'])
      assert.ok(name in given || (given as PruneRecipe).start === 'frozen', `${file} leaves ${name} open`);
  }
});

test('every study is sound in all its cells', async () => {
  for (const file of filesIn('studies'))
    for (const { recipe } of studyRuns(await readStudy(file), root, ''))
      await assertPlanned(recipe as PruneRecipe);
});

test('a recipe runs: one epoch, of a small network on small images', async () => {
  const [file] = filesIn('recipes').filter((path) => path.endsWith('gmp-cifar10-vgg19.yaml'));
  const given = rescaleRecipe(await readRecipe(file), 1);
  const small = { ...given, model: 'resnet8', width: 0.25, data: 'digits', normalize: '0.5/0.5' };
  const { summary } = await startRun(resolveRecipe('prune', small, ''), join(root, 'run'));
  assert.ok(summary);
  assert.equal(summary.epochs, 1);
  const { count } = summary.prunable;
  assert.equal(summary.sparsity.after, Math.floor(0.9 * count + 1e-6) / count);
});
