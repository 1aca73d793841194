/**
 * A short test of learning rates, on training samples alone: the cut that the run will make is made and trained for a while at some
 * rates, and what is left is measured on training samples that were held out of that. From the rate that the rules choose it goes up
 * as long as that helps, else once down.
 */
import { evenly, type Split, splitValidation } from '../../data/index.js';
import type { Machine } from '../../engine/index.js';
import { rehearse } from '../carry-out.js';
import { resolveRecipe } from '../recipe.js';
import { type Known, knownEpochs } from '../suit/rules.js';
import type { AimedTask } from '../task.js';

/** One rate and what it led to. */
export interface Trial {
  rate: number;
  /** Of classifiers. */
  accuracy?: number;
  loss: number;
  /** That the training took, measurements after its epochs included. */
  seconds: number;
}

export interface RateTest {
  trials: Trial[];
  best: Trial;
  /** Samples and epochs of each trial, and held-out samples. */
  samples: number;
  epochs: number;
  held: number;
  /** Seconds that training took for one sample. */
  perSample: number;
}

export interface RateOptions {
  machine: Machine;
  signal?: AbortSignal;
  version: string;
  /** Seconds for all trials. */
  seconds: number;
  /** Seconds that one sample takes forwards, and that the run will train for. */
  forward: number;
}

/** From one rate to the next. */
const FACTOR = 3;
const TRIALS = 4;
/** Held-out samples at most, and as a fraction of all. */
const HELD = 1000;
const HELD_FRACTION = 0.2;
/** Steps without which a trial says nothing. */
const LEAST_STEPS = 12;
/** What a training sample takes in passes forwards: its own, twice backwards, its teacher's, and some for all that is around. */
const PASSES = 6;

/** Tries rates; undefined where the time is too short for that. @throws what a run throws. */
export async function testRates(
  known: Known,
  task: AimedTask,
  { machine, signal, version, seconds, forward }: RateOptions,
): Promise<RateTest | undefined> {
  const { train, validation } = heldOut(task, known.seed as number | undefined);
  const batch = known.batch as number;
  const perTrial = seconds / TRIALS - 3 * validation.length * forward;
  const samples = Math.floor(perTrial / (PASSES * forward));
  const length = Math.min(train.length, samples);
  const epochs = Math.min(Math.max(1, Math.floor(samples / length)), knownEpochs(known));
  if (!(length > 0) || (length / batch) * epochs < LEAST_STEPS) return undefined;
  const dataset = { ...task.dataset, train: evenly(train, length), test: validation };
  const { because, ...settings } = known;
  const trials: Trial[] = [];
  const attempt = async (exact: number): Promise<Trial> => {
    const rate = Number(exact.toPrecision(2));
    const recipe = resolveRecipe('prune', { ...settings, epochs, lr: rate, validation: undefined }, version);
    trials.push({ rate, ...(await rehearse(recipe, { ...task, dataset }, { machine, signal })) });
    return trials[trials.length - 1];
  };
  const end = performance.now() + 1000 * seconds;
  const more = () => trials.length < TRIALS && performance.now() < end;
  const first = known.lr as number;
  let best = await attempt(first);
  for (let rate = first * FACTOR; more(); rate *= FACTOR) {
    const next = await attempt(rate);
    if (!better(next, best, validation)) break;
    best = next;
  }
  if (best.rate === first && more()) {
    const lower = await attempt(first / FACTOR);
    if (better(lower, best, validation)) best = lower;
  }
  const fastest = Math.min(...trials.map(({ seconds: taken }) => taken / epochs));
  const perSample = Math.max(forward, (fastest - validation.length * forward) / length);
  return { trials, best, samples: length, epochs, held: validation.length, perSample };
}

/** More accurate by more than chance, or as accurate and of lower loss. */
function better(one: Trial, other: Trial, { length }: Split): boolean {
  if (one.accuracy === undefined || other.accuracy === undefined) return one.loss < other.loss;
  const doubt = Math.sqrt((other.accuracy * (1 - other.accuracy)) / length);
  const difference = one.accuracy - other.accuracy;
  return Math.abs(difference) > doubt ? difference > 0 : one.loss < other.loss;
}

function heldOut({ dataset: { train } }: AimedTask, seed = 0) {
  const fraction = Math.min(HELD_FRACTION, HELD / train.length);
  return splitValidation(train, fraction, seed);
}
