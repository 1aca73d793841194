/**
 * What a study will cost: for every kind of run a short rehearsal on this machine, whose last epoch, without what is done once at the beginning, is
 * scaled to all samples and epochs.
 */
import { UserError } from '../../base/index.js';
import { evenly } from '../../data/index.js';
import { type EngineName, openMachine } from '../../engine/index.js';
import { rehearse } from '../carry-out.js';
import { objectiveOptions, withObjective } from '../objective.js';
import { isStructured, type PruneRecipe, type Recipe, resolveRecipe, WITHOUT_DATA } from '../recipe.js';
import { rescaleRecipe } from '../rescale.js';
import { openTask } from '../task.js';
import type { Halving } from './search.js';
import type { StudyRun } from './study.js';

export interface StudyCost {
  /** Runs that are still to be carried out. */
  runs: number;
  /** Seconds on one core, of all of them. */
  coreSeconds: number;
  /** Epochs of all of them. */
  epochs: number;
  /** How many kinds of runs were measured, of how many. Kinds that were not are taken to cost what the mean of the others does. */
  measured: number;
  kinds: number;
}

export interface CostOptions {
  /** Of each run. */
  threads: number;
  engine?: EngineName;
  /** Of a study that stops settings early. */
  halving?: Halving;
  signal: AbortSignal;
}

/** Kinds of runs that are measured at most, and batches of a rehearsal's epoch. */
const [MOST_KINDS, BATCHES] = [4, 6];

/** Settings that an epoch's cost depends on. */
const COSTLY = [
  'command',
  'model',
  'data',
  'batch',
  'width',
  'size',
  'trainSamples',
  'teacher',
  'method',
] as const;

/** Runs of the same kind cost the same. */
const kindOf = (recipe: Recipe): string =>
  JSON.stringify(COSTLY.map((name) => (recipe as Partial<PruneRecipe>)[name]));

/**
 * Measures what runs will cost that are not begun yet.
 * @throws the signal's reason when it stops.
 */
export async function estimateCost(
  runs: readonly StudyRun[],
  { halving, ...how }: CostOptions,
): Promise<StudyCost> {
  const kinds = new Map<string, Recipe>();
  for (const { recipe } of runs) if (!kinds.has(kindOf(recipe))) kinds.set(kindOf(recipe), recipe);
  const seconds = new Map<string, number>();
  for (const [kind, recipe] of [...kinds].slice(0, MOST_KINDS))
    try {
      seconds.set(kind, await epochSeconds(recipe, how));
    } catch (error) {
      // A kind of run that cannot be carried out, as this one will say itself.
      if (!(error instanceof UserError)) throw error;
    }
  const mean = [...seconds.values()].reduce((sum, one) => sum + one, 0) / Math.max(1, seconds.size);
  const share = trainedShare(halving);
  let [coreSeconds, epochs] = [0, 0];
  for (const { recipe } of runs) {
    const own = share(recipe.epochs);
    epochs += own;
    coreSeconds += own * how.threads * (seconds.get(kindOf(recipe)) ?? mean);
  }
  return {
    runs: runs.length,
    coreSeconds,
    epochs: Math.round(epochs),
    measured: seconds.size,
    kinds: kinds.size,
  };
}

/** Epochs that are expected of a run of so many, where settings are stopped. */
const trainedShare =
  (halving: Halving | undefined) =>
  (epochs: number): number => {
    const ends = [...(halving?.after ?? []), epochs];
    return ends.reduce((sum, end, i) => sum + (end - (ends[i - 1] ?? 0)) * (halving?.keep ?? 1) ** i, 0);
  };

/** Wall-clock seconds of an epoch, measurements included. */
async function epochSeconds(
  recipe: Recipe,
  { threads, engine, signal }: Omit<CostOptions, 'halving'>,
): Promise<number> {
  if (recipe.data === WITHOUT_DATA || recipe.epochs === 0) return 0;
  const task = await openTask(recipe);
  const { train, test } = task.dataset;
  const share = Math.min(1, (BATCHES * recipe.batch) / train.length);
  const dataset = {
    ...task.dataset,
    train: evenly(train, Math.ceil(share * train.length)),
    ...(test && { test: evenly(test, Math.max(1, Math.round(share * test.length))) }),
  };
  const machine = await openMachine({ threads, engine });
  try {
    const short = { ...rehearsed(recipe), trainSamples: undefined };
    const aimed = await withObjective(
      { ...task, dataset },
      objectiveOptions(short, task, machine, { signal }),
    );
    const { lastEpoch } = await rehearse(short, aimed, { machine, signal });
    const used = recipe.trainSamples ? Math.min(1, recipe.trainSamples / train.length) : 1;
    return (lastEpoch / share) * used;
  } finally {
    await machine.close();
  }
}

/** Two epochs of a run. The trainings of a run that removes channels cost no more than one that keeps them. */
function rehearsed(recipe: Recipe): Recipe {
  if (!isStructured(recipe)) return rescaleRecipe(recipe, 2) as Recipe;
  const { model, data, batch, width, size, classes, seed, version } = recipe;
  return resolveRecipe('train', { model, data, batch, width, size, classes, seed, epochs: 2 }, version);
}
