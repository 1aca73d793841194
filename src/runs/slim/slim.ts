/**
 * One command for a trained model: chooses method, rate, rounding, teacher and epochs from the model, the data and the time given, says
 * why, and carries it out as an ordinary run, whose recipe holds all that was chosen.
 */
import { rm } from 'node:fs/promises';
import { fail, UserError } from '../../base/index.js';
import { costOfSample } from '../../calibration/index.js';
import type { RunResult } from '../carry-out.js';
import { UncheckedError } from '../export.js';
import { refuseNotFinite } from '../finite.js';
import { refuseOccupied } from '../folder.js';
import { withObjective } from '../objective.js';
import { openFor } from '../opened.js';
import { type Given, isPath, type PruneRecipe, type Recipe, resolveRecipe, WITHOUT_DATA } from '../recipe.js';
import { startRun } from '../run.js';
import { flagOf, type TargetName, targetNames } from '../settings.js';
import { type Choice, choose, type Known } from '../suit/rules.js';
import { type Situation, situationOf } from '../suit/situation.js';
import { chosenLines, knownOf, refuseEarly, valuesOf } from '../suit/suit.js';
import type { Task, TaskOptions } from '../task.js';
import { isUsable } from '../usable.js';
import type { Opened, RunOptions } from '../work.js';
import { plan } from './plan.js';
import { secondsFrom, targetFrom } from './target.js';

/** The result of {@link slim}. */
export interface SlimResult extends RunResult {
  /** A run to a milder target, where the end of the first was not usable and there was time. */
  milder?: RunResult;
}

/** Time that is taken unless told otherwise. */
const TIME = '10m';
/** Of the MACs, what is left unless told otherwise where there are no data: the first at which answers stay, else the last. */
const AT_ONCE = [0.8, 0.9];
/** Where no channel can go. */
const AT_ONCE_SPARSITY = 0.5;
/**
 * How channels go where there are no data: with the layers behind them solved for on random inputs, which leaves far more of the answers
 * (docs/calibration.md), or by the weights alone where that cannot be.
 */
const repairedWith = (calibrate: number): Known => ({ method: 'reconstruction', calibrate });
const MOST_SAMPLES = 128;
/** Even of great pictures, each of which has pixels enough for thousands of equations. */
const LEAST_SAMPLES = 8;
/** Multiply-accumulates for all samples of a calibration together: a minute or two on two cores. */
const MOST_WORK = 1.5e12;

/** How many random samples are looked at: as many as the time of a command without data allows. */
export function samplesWithin(costOfOne: number): number {
  return Math.min(MOST_SAMPLES, Math.max(LEAST_SAMPLES, Math.floor(MOST_WORK / costOfOne)));
}

/**
 * Makes a model smaller.
 * @throws UserError when the model is not trained, a target cannot be met, or anything given makes no sense.
 */
export async function slim(
  { target, time = TIME, ...rest }: Given<'slim'>,
  out: string,
  {
    version,
    ...options
  }: RunOptions & {
    /** Version of espalier, for the recipe. */ version: string;
  },
): Promise<SlimResult> {
  const end = performance.now() + 1000 * secondsFrom(time);
  const own = targetNames.filter((name) => rest[name as keyof typeof rest] !== undefined);
  if (target !== undefined && own.length > 0)
    fail(`There are two targets, --target and ${flagOf(own[0])}: give one of them.`);
  const wanted = target === undefined ? {} : targetFrom(target);
  const given = { measureLatency: true, ...rest, ...wanted, data: rest.data ?? WITHOUT_DATA };
  const known = knownOf(given as Given<'prune'>);
  const free = own.length === 0 && target === undefined;
  if (!isPath(String(given.model)))
    fail(
      `slim needs a trained model, but networks of the zoo have random weights: train it first, with espalier train ${given.model}.`,
    );
  await refuseOccupied(out);
  if (given.data !== WITHOUT_DATA)
    refuseEarly('prune', targetOf(known) ? known : { ...known, macs: 0.5 }, version);
  const opened = await openFor(known as unknown as TaskOptions, options);
  const job: Job = { known, opened, out, version, options, end };
  try {
    if (given.data === WITHOUT_DATA) return await (free ? slimFreely(job) : slimTo(job));
    return await slimWithData(job);
  } finally {
    await opened.close();
  }
}

interface Job {
  known: Known;
  /** Model and data, for every run that is tried. */
  opened: Opened;
  out: string;
  version: string;
  options: RunOptions;
  /** Of `performance.now()`. */
  end: number;
}

/** How channels go, and layers are mended, where there are no data. */
function repaired({ opened }: Job): Known {
  const { graph, inputShapes } = opened.task;
  return repairedWith(samplesWithin(costOfSample(graph, { inputShapes })));
}

const runOf = ({ out, opened, options }: Job, recipe: Recipe): Promise<RunResult> =>
  startRun(recipe, out, { ...options, opened });

const runAtOnce = (job: Job, { recipe, chosen }: AtOnce): Promise<RunResult> => {
  if (chosen.size > 0) job.options.onNote?.(chosenLines(chosen));
  return runOf(job, recipe);
};

interface AtOnce {
  recipe: Recipe;
  chosen: Map<string, Choice>;
}

interface Asked {
  known: Known;
  version: string;
  /** What is known already comes before it. */
  way?: Known;
  /** One that was chosen, with its reason. */
  target?: [TargetName, Choice];
}

/** A recipe without data, which has next to nothing to choose. */
function atOnce({ known, version, way = {}, target }: Asked): AtOnce {
  const settings = Object.entries(known.method === undefined ? way : {});
  const given = { ...Object.fromEntries(settings), ...known };
  const asked = target ? { ...given, [target[0]]: target[1].value } : given;
  const chosen = choose(asked, { command: 'prune', trained: true, evidence: '' });
  for (const [name, value] of settings) if (known[name] === undefined) chosen.set(name, repair(name, value));
  if (target) chosen.set(...target);
  const because = Object.fromEntries([...chosen].map(([name, choice]) => [name, choice.because]));
  return { chosen, recipe: resolveRecipe('prune', { ...asked, ...valuesOf(chosen), because }, version) };
}

const repair = (name: string, value: unknown): Choice => ({
  value: value as Choice['value'],
  because:
    name === 'method'
      ? 'it takes the channels that the layers behind them can best make up for'
      : 'random inputs, as there are no data: real samples (--data) are worth far more',
});

const targetOf = (known: Known): TargetName | undefined =>
  targetNames.find((name) => known[name] !== undefined);

/** Without data, to a target that was given. */
async function slimTo(job: Job): Promise<RunResult> {
  const { known, version } = job;
  if (known.sparsity !== undefined) return runAtOnce(job, atOnce({ known, version }));
  const made = await attempt(job, atOnce({ known, version, way: repaired(job) }));
  return made ?? runAtOnce(job, atOnce({ known, version }));
}

/** Without data and target: as much as leaves the answers as they were, tried out. The last that was tried is the run. */
async function slimFreely(job: Job): Promise<RunResult> {
  const { known, version, out } = job;
  const because = 'without data to train on, more would leave too little of the answers';
  for (const way of [repaired(job), {}])
    for (const [i, value] of AT_ONCE.entries()) {
      const made = await attempt(job, atOnce({ known, version, way, target: ['macs', { value, because }] }));
      if (!made) break;
      if (!made.summary || isUsable(made.summary) || i === AT_ONCE.length - 1) return made;
      job.options.onNote?.(
        `At ${Math.round(100 * value)} % of the MACs the outputs change too much: trying a milder cut.`,
      );
      await rm(out, { recursive: true, force: true });
    }
  const weights: [TargetName, Choice] = [
    'sparsity',
    { value: AT_ONCE_SPARSITY, because: 'no channels can go' },
  ];
  return runAtOnce(job, atOnce({ known, version, target: weights }));
}

/** A run without data; undefined where its recipe does not suit the model, which is said. */
async function attempt(job: Job, one: AtOnce): Promise<RunResult | undefined> {
  try {
    return await runAtOnce(job, one);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    if (error instanceof UncheckedError) await rm(job.out, { recursive: true, force: true });
    job.options.onNote?.(`Not possible with ${(one.recipe as PruneRecipe).method}: ${error.message}`);
    return undefined;
  }
}

async function slimWithData(job: Job): Promise<SlimResult> {
  const { options, end } = job;
  const recipe = await recipeOnData(job, job.opened.task as Task);
  const begun = performance.now();
  const first = await runOf(job, recipe);
  const { summary } = first;
  if (!summary || isUsable(summary)) return first;
  const milder = milderThan(recipe);
  if (!milder || performance.now() + (performance.now() - begun) > end) return first;
  options.onNote?.('The result is not usable, and there is time left: trying a milder cut …');
  return { ...first, milder: await runOf({ ...job, out: `${job.out}-milder` }, milder) };
}

/** What is to be done with a model that has data. @throws UserError where it does not look trained. */
async function recipeOnData(job: Job, given: Task): Promise<Recipe> {
  const { known, opened, version, options, end } = job;
  const { signal, onNote } = options;
  const { learn, ignoreIndex } = known as Pick<TaskOptions, 'learn' | 'ignoreIndex'>;
  refuseNotFinite(given.graph, { trained: true });
  const machine = await opened.machine();
  const task = await withObjective(given, { machine, teacher: 'self', signal, onNote, learn, ignoreIndex });
  const network = await opened.network();
  const situation = await situationOf('prune', task, { network, learn, signal });
  if (!situation.trained) untrained(situation);
  onNote?.(`The model is trained: ${situation.evidence}.`);
  return plan({ known, task, situation, machine, version, options, end });
}

const untrained = ({ evidence }: Situation): never =>
  fail(
    `slim needs a trained model, but this one does not look trained: ${evidence}. Train it first with espalier train, say how its images are normalised with --normalize, or use espalier prune.`,
  );

/** The recipe to a target half as far; undefined where that is an amount, or far enough already. */
function milderThan(recipe: Recipe): Recipe | undefined {
  const known = recipe as unknown as Record<string, unknown>;
  const name = targetOf(known)!;
  const value = known[name];
  if (typeof value !== 'number' || value >= 1) return undefined;
  const milder = name === 'sparsity' ? 1 - 2 * (1 - value) : (1 + value) / 2;
  if (!(milder > 0) || (name !== 'sparsity' && milder > 0.95)) return undefined;
  const because = { ...(recipe as PruneRecipe).because, [name]: `at ${value} the end was not usable` };
  return { ...recipe, [name]: Number(milder.toPrecision(6)), because } as Recipe;
}
