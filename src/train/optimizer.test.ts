import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type OptimizerSettings, resolveOptimizer, updateOptions } from './optimizer.js';

test('what is left out has the defaults of the field', () => {
  assert.deepEqual(resolveOptimizer({ kind: 'sgd' }), {
    kind: 'sgd',
    momentum: 0.9,
    nesterov: false,
    weightDecay: 5e-4,
  });
  assert.deepEqual(resolveOptimizer({ kind: 'adamw', beta2: 0.95 }), {
    kind: 'adamw',
    beta1: 0.9,
    beta2: 0.95,
    epsilon: 1e-8,
    weightDecay: 0.01,
  });
});

test('the engine is told the rate, and the step where moments need it', () => {
  assert.deepEqual(updateOptions(resolveOptimizer({ kind: 'sgd', nesterov: true }), 0.2, 7), {
    learningRate: 0.2,
    momentum: 0.9,
    nesterov: true,
    weightDecay: 5e-4,
  });
  const { step, learningRate } = updateOptions(resolveOptimizer({ kind: 'adam' }), 0.2, 7);
  assert.deepEqual({ step, learningRate }, { step: 7, learningRate: 0.2 });
});

test('settings that make no sense are refused by name', () => {
  const refused = (settings: object, words: RegExp) =>
    assert.throws(() => resolveOptimizer(settings as OptimizerSettings), {
      name: 'UserError',
      message: words,
    });
  refused({ kind: 'lion' }, /no optimiser "lion".*sgd, adam, adamw/);
  refused({ kind: 'adam', momentum: 0.9 }, /adam has no setting momentum/);
  refused({ kind: 'sgd', momentum: 1 }, /momentum .* below 1, not 1/);
  refused({ kind: 'sgd', weightDecay: Number.NaN }, /weightDecay/);
  refused({ kind: 'sgd', nesterov: 'yes' }, /nesterov .* true or false, not "yes"/);
});
