/**
 * How far a network can be pruned before it loses more than it may: by bisection over the targets of its method, each of which is carried
 * out in full, trainings included, and measured on training samples that are held out of all that. What is found is the target of the run.
 *
 * A target is looked for on the scale of what stays, from 1, the whole network, down to the farthest: MACs in equal steps, density in equal
 * ratios. That a milder target loses no more is taken for granted; where it is not so, what is found still loses no more than it may.
 */
import { fail, UserError } from '../base/index.js';
import { splitValidation } from '../data/index.js';
import { type Figures, headlineOf, type Metric, metricIn } from '../objectives/index.js';
import { readJson, writeJson } from './folder.js';
import type { PruneRecipe } from './recipe.js';
import { flagOf, targetNames } from './settings.js';
import type { LossSearch, LossTrial } from './summary.js';
import type { AimedTask } from './task.js';
import { evaluateGraph } from './training.js';
import type { Work } from './work.js';

/** Targets that are tried between the whole network and the farthest. */
const TRIALS = 6;
/** Held-out samples at most, and as a fraction of all. */
const HELD = 2048;
const HELD_FRACTION = 0.2;

/** Carries out a recipe for nothing but its figures; see `rehearse`. */
type Rehearse = (
  recipe: PruneRecipe,
  task: AimedTask,
  how: Pick<Work, 'machine'> & Pick<Work['options'], 'signal'>,
) => Promise<Figures>;

/**
 * The recipe with the farthest target that loses no more than it may. Trials are kept in the folder of the run, so that one that is resumed
 * does none again.
 * @throws UserError where even the mildest target loses more; the signal's reason when it stops.
 */
export async function withFarthest(
  work: Work<PruneRecipe>,
  rehearse: Rehearse,
): Promise<{ recipe: PruneRecipe; search?: LossSearch }> {
  const { recipe, folder, options } = work;
  if (recipe.maxLoss === undefined) return { recipe };
  const kept = (await readJson(folder.search)) as LossSearch | undefined;
  const search = kept ?? (await begin(work));
  if (search.found === undefined) {
    const task = heldOut(work);
    const end = recipe[search.of] as number;
    for (let next = nextTarget(search, end); next !== undefined; next = nextTarget(search, end)) {
      const trial = await attempt(search, next, { ...work, task, rehearse });
      search.trials.push(trial);
      await writeJson(folder.search, search);
      options.onNote?.(sentence(search, trial));
    }
    search.found = farthest(search) ?? nothing(search);
    await writeJson(folder.search, search);
  }
  const { of, found } = search;
  options.onNote?.(`Pruning to ${flagOf(of)} ${found}, the strongest pruning found that loses no more.`);
  return { recipe: { ...recipe, [of]: found }, search };
}

async function begin(work: Work<PruneRecipe>): Promise<LossSearch> {
  const { recipe, machine, options } = work;
  const task = heldOut(work);
  const { length } = task.dataset.test!;
  options.onNote?.(
    `Looking for the strongest pruning that loses at most ${shownLoss(recipe.maxLoss!)} on ${length} held-out training samples; that takes up to ${TRIALS + 1} times as long as the run itself …`,
  );
  const how = { machine, signal: options.signal };
  const metric = headlineOf(task.objective);
  const before = metricIn(await evaluateGraph(task, task.graph, how), metric);
  return {
    of: targetNames.find((name) => recipe[name] !== undefined)!,
    ...{ metric, allowed: recipe.maxLoss!, samples: length, before },
    trials: [],
  };
}

/** The task whose test samples are training samples that nothing else looks at. */
function heldOut({ recipe, task }: Work<PruneRecipe>): AimedTask {
  const { train } = task.dataset;
  const fraction = recipe.validation ?? Math.min(HELD_FRACTION, HELD / train.length);
  const parts = splitValidation(train, fraction, recipe.seed);
  return { ...task, dataset: { ...task.dataset, train: parts.train, test: parts.validation } };
}

async function attempt(
  { of, metric, before }: LossSearch,
  target: number,
  { recipe, task, machine, options: { signal }, rehearse }: Work<PruneRecipe> & { rehearse: Rehearse },
): Promise<LossTrial> {
  const { maxLoss, validation, measureLatency, ...rest } = recipe;
  try {
    const figures = await rehearse({ ...rest, [of]: target }, task, { machine, signal });
    const value = metricIn(figures, metric);
    return { target, value, loss: lossOf(metric, before, value) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { target, refused: error.message };
  }
}

/** How much worse a value is: of a fraction in points, else as a part of what it was. */
export function lossOf({ better, percent }: Metric, before: number, after: number): number {
  const worse = better === 'higher' ? before - after : after - before;
  return percent || before === 0 ? worse : worse / Math.abs(before);
}

type Bisected = Pick<LossSearch, 'of' | 'trials' | 'allowed'>;

const allows = ({ allowed }: Bisected, { loss = Infinity }: LossTrial): boolean => loss <= allowed;

/** What stays at a target, from 1 down. */
const stays = ({ of }: Pick<LossSearch, 'of'>, target: number): number =>
  of === 'sparsity' ? 1 - target : target;

/** The target to try next: the farthest first, then half way between those that lose too much and the others; undefined at the end. */
export function nextTarget(search: Bisected, farthestTarget: number): number | undefined {
  const { of, trials } = search;
  if (trials.length === 0) return farthestTarget;
  const tooFar = trials.filter((trial) => !allows(search, trial)).map(({ target }) => stays(search, target));
  const fine = trials.filter((trial) => allows(search, trial)).map(({ target }) => stays(search, target));
  if (tooFar.length === 0 || trials.length > TRIALS) return undefined;
  const [low, high] = [Math.max(...tooFar), Math.min(1, ...fine)];
  const middle = of === 'sparsity' ? Math.sqrt(low * high) : (low + high) / 2;
  return Number((of === 'sparsity' ? 1 - middle : middle).toPrecision(3));
}

/** The farthest target that was allowed. */
function farthest(search: Bisected): number | undefined {
  const fine = search.trials.filter((trial) => allows(search, trial));
  return fine.sort((a, b) => stays(search, a.target) - stays(search, b.target))[0]?.target;
}

function sentence(search: LossSearch, trial: LossTrial): string {
  const at = `${flagOf(search.of)} ${trial.target}`;
  if (trial.refused !== undefined) return `${at}: not possible: ${trial.refused}`;
  const verdict = allows(search, trial) ? 'allowed' : 'too much';
  return `${at}: ${search.metric.title} ${shown(search, trial.value!)}, a loss of ${shownLoss(trial.loss!)}: ${verdict}.`;
}

const shown = ({ metric: { percent } }: LossSearch, value: number): string =>
  percent ? `${(100 * value).toFixed(2)} %` : value.toPrecision(4);

const shownLoss = (loss: number): string => `${(100 * loss).toFixed(2)} %`;

/** @throws UserError */
function nothing({ of, trials, allowed }: LossSearch): never {
  const [mildest] = trials
    .filter(({ loss }) => loss !== undefined)
    .sort((a, b) => stays({ of }, b.target) - stays({ of }, a.target));
  return fail(
    mildest
      ? `Nothing that was tried loses at most ${shownLoss(allowed)}: even ${flagOf(of)} ${mildest.target} loses ${shownLoss(mildest.loss!)}. Use more epochs, another method, or a larger --max-loss.`
      : `No target could be met: ${trials[0].refused}`,
  );
}
