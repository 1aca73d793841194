import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rescaleRecipe } from './rescale.js';

test('what is said in epochs and iterations goes with the epochs, shares and rates do not', () => {
  const recipe = {
    ...{ model: 'vgg19', epochs: 160, lr: 0.1, endRatio: 0.8, updates: 50 },
    ...{ milestones: [80, 120], every: 40, warmup: 5, fineTune: 20, interval: 2000 },
  };
  assert.deepEqual(rescaleRecipe(recipe, 16), {
    ...{ model: 'vgg19', epochs: 16, lr: 0.1, endRatio: 0.8, updates: 50 },
    ...{ milestones: [8, 12], every: 4, warmup: 0.5, fineTune: 2, interval: 200 },
  });
  assert.deepEqual(rescaleRecipe({ epochs: 100, interval: 20, fineTune: 4 }, 1), {
    ...{ epochs: 1, interval: 1, fineTune: 0 },
  });
  assert.deepEqual(rescaleRecipe({ epochs: 100, interval: 0 }, 1), { epochs: 1, interval: 0 });
});

test('all stages together stay as long as the run', () => {
  const recipe = { epochs: 30, sparseEpochs: 10, markedEpochs: 11, fineTune: 9 };
  assert.deepEqual(rescaleRecipe(recipe, 8), { epochs: 8, sparseEpochs: 3, markedEpochs: 3, fineTune: 2 });
  assert.deepEqual(rescaleRecipe({ ...recipe, fineTune: undefined }, 3), {
    ...{ epochs: 3, sparseEpochs: 1, markedEpochs: 1, fineTune: undefined },
  });
});

test('nothing is scaled without two numbers of epochs, and nonsense is left to be refused', () => {
  const recipe = { milestones: [1], epochs: 3 };
  for (const wanted of [undefined, 'many', 0]) assert.equal(rescaleRecipe(recipe, wanted), recipe);
  const open = { milestones: [1] };
  assert.equal(rescaleRecipe(open, 3), open);
  assert.deepEqual(rescaleRecipe({ epochs: 2, milestones: 'x', warmup: null }, 1), {
    ...{ epochs: 1, milestones: 'x', warmup: null },
  });
});
