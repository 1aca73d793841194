/** What a recipe says when it is complete, of methods that prune single weights before any training. */
import { fail, flagOf, own } from '../base/index.js';
import { type GradualOptions, scores } from '../sparsity/index.js';
import { isPath, WITHOUT_DATA } from './paths.js';
import { maskingMethod, titleOfMethod } from './registry.js';
import { defaultSamples, type Given } from './structured/defaults.js';

/** Rounds of pruning single weights and making up for them. */
const REPAIRS = 5;

/** Whether a recipe prunes single weights before any training, and by no gradient: then samples can say what makes up for them. */
export function prunesFirst(given: Given): boolean {
  const method = maskingMethod(given.method);
  return Boolean(method?.calibrated || (settingsIn(given).rounds && isBlind(given)));
}

const settingsIn = (given: Given): Partial<GradualOptions> => ({
  ...maskingMethod(given.method)?.defaults,
  ...given,
});

/** Whether no score of the method looks at a gradient. */
function isBlind(given: Given): boolean {
  const { score, first } = settingsIn(given);
  return [score, first].every((name) => name === undefined || !own(scores, name)?.readsGradient);
}

/**
 * What makes up for single weights that go before any training, of methods of which they do: by default where a trained model comes with data. Then they go in several rounds, of which each
 * looks at the weights that were solved for after the last.
 * @param decided whether a pattern says how many weights stay.
 * @throws UserError on samples that nothing looks at.
 */
export function repairDefaults(given: Given, decided: boolean): object {
  const method = maskingMethod(given.method);
  if (!method || !prunesFirst(given)) return withoutSamples(given);
  const trained = typeof given.model === 'string' && isPath(given.model);
  const samples = given.data !== WITHOUT_DATA ? trained : given.calibrate !== undefined;
  const reconstruct = given.reconstruct ?? (samples && isBlind(given));
  const looks = reconstruct || method.calibrated !== undefined;
  if (given.calibrate !== undefined && !looks)
    fail(`${method.name} looks at no samples without --reconstruct: give it, or leave --calibrate out.`);
  const rounds = reconstruct && !decided ? { rounds: REPAIRS, pruningSchedule: 'exponential' } : {};
  return { ...rounds, reconstruct, calibrate: looks ? defaultSamples : undefined };
}

/** @throws UserError on samples, of a method that looks at none before it trains. */
function withoutSamples({ method, calibrate, reconstruct }: Given): object {
  const vain = calibrate !== undefined ? 'calibrate' : reconstruct ? 'reconstruct' : undefined;
  if (vain) fail(`${titleOfMethod(`${method}`)} uses no samples before training: leave ${flagOf(vain)} out.`);
  return {};
}
