/**
 * A run from its recipe to its folder: train or prune, export, sum up; fresh, or where a killed one stopped.
 *
 * Fresh and resumed runs take the same way; only what the checkpoint holds is not done again. The network that training
 * starts from is kept in the folder, so that a run can be resumed whatever became of the file it was made from.
 */
import { existsSync } from 'node:fs';
import { access, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail, LostClaim } from '../base/index.js';
import { calibrationSamples } from '../calibration/index.js';
import { type DataDigest, difference, digestOfParts } from '../data/index.js';
import { type Machine, type MachineChoice, openMachine } from '../engine/index.js';
import { type Figures, figuresIn, graphToTrain } from '../objectives/index.js';
import { type Graph, readModel, writeModel } from '../onnx/index.js';
import type { Plan } from '../sparsity/index.js';
import {
  type EpochMetrics,
  type Evaluation,
  type MaskReport,
  type TrainStart,
  weightsOf,
  withWeights,
} from '../train/index.js';
import { pruneAtOnce, zeroed } from './at-once.js';
import { conclude } from './conclude.js';
import { dataNotes } from './data-notes.js';
import { beginEngines, goOnWith } from './engines.js';
import { UncheckedError } from './export.js';
import { answersNotFinite, refuseNotFinite } from './finite.js';
import {
  abandonRun,
  type Claimed,
  claimRun,
  createRun,
  openRun,
  type RunFolder,
  readJson,
  readMetrics,
  refuseOccupied,
  refuseOtherFiles,
  runFolder,
  sweepRun,
  writeJson,
} from './folder.js';
import { withFarthest } from './max-loss.js';
import { measure } from './measure.js';
import { withObjective } from './objective.js';
import { isPath, keptIn, partsOf } from './paths.js';
import { tellingOf, withCardFor, withPictures } from './pictures.js';
import { checkRun, pruningOf } from './pruning.js';
import {
  isStructured,
  type PruneRecipe,
  type Recipe,
  resolveRecipe,
  trainerSettings,
  WITHOUT_DATA,
} from './recipe.js';
import { maskingMethod, openMethod } from './registry.js';
import { samplesOf } from './samples.js';
import { presparsified } from './sparsify.js';
import { pruneChannels } from './structured/perform.js';
import { channelSummary, lastMeasured } from './structured/summary.js';
import { type ChannelSummary, objectiveSummary, type Summary } from './summary.js';
import { type AimedTask, loadTask, type ModelTask, openModel, openTask, type Task } from './task.js';
import { AUTO, type ObjectiveOptions } from './taught.js';
import { openTracking, type Tracking } from './track/index.js';
import { dataOf, evaluateGraph, stepsOf, teacherOf, trainInFolder, writeMetrics } from './training.js';
import type { RunOptions, Work } from './work.js';

/** The result of a run. */
export interface RunResult {
  /** Paths of the files of the run. */
  folder: RunFolder;
  /** Absent when the signal stopped the run. */
  summary?: Summary;
}

/**
 * Carries out a recipe in a new folder.
 * @throws UserError when the folder is not empty, or the recipe cannot be carried out.
 */
export async function startRun(recipe: Recipe, out: string, options: RunOptions = {}): Promise<RunResult> {
  await refuseOccupied(out);
  if (isPrune(recipe)) await openMethod(recipe.method);
  if (isPrune(recipe) && recipe.data === WITHOUT_DATA) return startAtOnce(recipe, out, options);
  const opened = await openRunTask(recipe, options);
  const machine = await openMachine(machineOf(recipe));
  let claimed: Claimed | undefined;
  let begun = false;
  const onStart = (start: TrainStart) => {
    begun = true;
    options.onStart?.(start);
  };
  try {
    refuseNotFinite(opened.graph, { trained: true });
    const task = await withObjective(opened, objectiveOptions(recipe, opened, machine, options));
    const network = loadTask(task, task.graph, machine);
    network.close();
    checkRun(recipe, task, network);
    claimed = await createRun(out, withPictures(recipe, task));
    const { folder } = claimed;
    await writeModel(folder.start, task.graph);
    await writeJson(folder.data, await digestOfParts(opened.dataset));
    const named = objectiveSummary(task.objective);
    if (named) await writeJson(folder.measured, { metrics: named.metrics });
    const engines = await beginEngines(folder, machine);
    const work = { recipe, folder, task, machine, engines, resume: false };
    return await perform({ ...work, options: { ...options, onStart } });
  } catch (error) {
    if (claimed && !begun && !options.signal?.aborted && !(error instanceof UncheckedError))
      await abandonRun(claimed);
    throw error;
  } finally {
    await claimed?.release();
    await machine.close();
  }
}

/** Engine and threads: default those that the run was started with. */
export interface ResumeOptions extends RunOptions, MachineChoice {
  /** Where the samples are now, where they are not where they were. They must be the same. */
  data?: string;
  /** Whom the run is told to from now on: `csv`, `tensorboard`, `mlflow:URL`. Default those whom it was told to. */
  log?: string[];
}

/**
 * Goes on where a run was stopped or killed; gives the summary again where it had ended.
 * @throws UserError when the folder is not that of a run, or the run cannot go on.
 */
export async function resumeRun(
  path: string,
  { threads, engine, data, log, ...options }: ResumeOptions = {},
): Promise<RunResult> {
  const { folder, recipe, summary } = await openRun(path);
  if (summary && !(log ?? recipe.log)) return { folder, summary };
  const release = await claimRun(folder, path);
  try {
    return await goOn(path, options, { threads, engine, data, log });
  } finally {
    await release();
  }
}

async function goOn(
  path: string,
  options: RunOptions,
  { threads, engine, data, log }: Omit<ResumeOptions, keyof RunOptions>,
): Promise<RunResult> {
  // Another process may have been at work until this one could claim the folder.
  const { folder, recipe: found, summary } = await openRun(path);
  const kept = log === undefined ? found : { ...found, log };
  if (log !== undefined) await writeJson(folder.recipe, keptIn(folder.path, kept));
  if (summary) {
    return tracked({ recipe: kept, folder, options, summary }, async (tracking) => {
      tracking.begin(await readMetrics(folder));
      return { folder, summary };
    });
  }
  await sweepRun(folder);
  if (isPrune(kept)) await openMethod(kept.method);
  const moved = data === undefined ? kept : { ...kept, data: movedData(kept.data, data) };
  const where = { threads: threads ?? kept.threads, engine: engine ?? kept.engine };
  const recipe = resolveRecipe(kept.command, withEveryStage(moved), kept.version);
  await refuseOtherFiles(folder, recipe);
  if (isPrune(recipe) && recipe.data === WITHOUT_DATA) {
    return atOnce(recipe, folder, await openModel(recipe, await readStart(folder)), options, where);
  }
  refuseMissingData(recipe);
  const opened = await openRunTask(recipe, options, await readStart(folder));
  await refuseOtherData(folder, recipe, opened);
  if (data !== undefined) await writeJson(folder.recipe, keptIn(folder.path, recipe));
  await writeModel(folder.start, opened.graph);
  const machine = await openMachine(where);
  try {
    const engines = await goOnWith(folder, machine, options);
    const task = await withObjective(opened, objectiveOptions(recipe, opened, machine, options));
    return await perform({ recipe, folder, task, machine, engines, resume: true, options });
  } finally {
    await machine.close();
  }
}

/** Where a recipe says that it is computed. */
const machineOf = ({ threads, engine }: Recipe): MachineChoice => ({ threads, engine });

/** Model and data of a run; the model says from here on which pictures and classes it is for. */
async function openRunTask(recipe: Recipe, { onNote }: RunOptions, start?: Graph): Promise<Task> {
  const task = await openTask({ ...recipe, onPictures: tellingOf(onNote) }, start);
  return { ...task, graph: withCardFor(task, recipe.command === 'train') };
}

/** The place where data are now. @throws UserError when they are of another kind, which would be read in another way. */
function movedData(before: string, now: string): string {
  const [{ kind: was }, { kind: is }] = [before, now].map(partsOf);
  if (was !== is)
    fail(
      was === WITHOUT_DATA
        ? 'The run was started without data: leave --data out.'
        : `The run was started with the data ${was}, not ${is}: give --data ${was}:PATH, or leave it out.`,
    );
  return now;
}

/** @throws UserError when there is nothing where the samples were. */
function refuseMissingData({ data }: Recipe): void {
  const { place } = partsOf(data);
  if (place !== undefined && !place.startsWith('~') && !existsSync(place))
    fail(`The data of this run are no longer at ${data}; give --data with their new location.`);
}

/** What prunes learns from the model before it was pruned where nothing else is said. */
export const objectiveOptions = (
  recipe: Recipe,
  { dataset }: Task,
  machine: Machine,
  { signal, onNote }: RunOptions,
): ObjectiveOptions => {
  const { command, learn, ignoreIndex, match = [AUTO], epochs } = recipe;
  const { teacher = command === 'prune' ? 'self' : undefined } = recipe;
  const steady = !recipe.augment || Object.keys(dataset.augment.train).length === 0;
  const steadyEpochs = steady && epochs > 1 ? epochs : undefined;
  return { machine, learn, ignoreIndex, teacher, match, steadyEpochs, signal, onNote };
};

/** A run of channels of an earlier version goes on as it was started, without a step that there was none of then. */
const withEveryStage = (kept: Recipe): Recipe =>
  isStructured(kept) && kept.reconstruct === undefined ? { ...kept, reconstruct: false } : kept;

/** Runs of earlier versions have not kept what would tell other data: from now on they do. */
async function refuseOtherData(
  { data: path }: RunFolder,
  { data }: Recipe,
  { dataset }: Task,
): Promise<void> {
  const now = await digestOfParts(dataset);
  const before = (await readJson(path)) as DataDigest | undefined;
  const different = before && difference(before, now);
  if (different)
    fail(
      `The samples of ${data} are not those that the run was started with: ${different}; put them back as they were, or start a new run.`,
    );
  await writeJson(path, now);
}

/** A run without data. It is short, so what was killed is done again. */
async function startAtOnce(recipe: PruneRecipe, out: string, options: RunOptions): Promise<RunResult> {
  const task = await openModel(recipe);
  refuseNotFinite(task.graph, { trained: false });
  const claimed = await createRun(out, recipe);
  try {
    return await atOnce(recipe, claimed.folder, task, options);
  } catch (error) {
    if (!options.signal?.aborted && !(error instanceof UncheckedError)) await abandonRun(claimed);
    throw error;
  } finally {
    await claimed.release();
  }
}

async function atOnce(
  recipe: PruneRecipe,
  folder: RunFolder,
  task: ModelTask,
  options: RunOptions,
  where = machineOf(recipe),
): Promise<RunResult> {
  await writeModel(folder.start, task.graph);
  const machine = await openMachine(where);
  try {
    return await tracked({ recipe, folder, options }, async (tracking) => ({
      folder,
      summary: await pruneAtOnce({ recipe, folder, task, machine, options, tracking }),
    }));
  } finally {
    await machine.close();
  }
}

const isPrune = (recipe: Recipe): recipe is PruneRecipe => recipe.command === 'prune';

/** The network a run started from; undefined when it was killed before that was written. */
const readStart = (folder: RunFolder): Promise<Graph | undefined> =>
  access(folder.start).then(
    () => readModel(folder.start),
    () => undefined,
  );

/** What a run has made of its model, before it is exported. */
interface Made {
  graph: Graph;
  epochs: EpochMetrics[];
  measured: Figures;
  best?: Summary['best'];
  plan?: Plan;
  masks?: MaskReport[];
  channels?: ChannelSummary;
  latency?: Summary['latency'];
}

const perform = (work: Work): Promise<RunResult> =>
  tracked(work, (tracking) => carryOut({ ...work, tracking }));

/** Tells a run to those whom its recipe names. */
async function tracked(
  { recipe, folder, options, summary }: Pick<Work, 'recipe' | 'folder' | 'options'> & { summary?: Summary },
  run: (tracking: Tracking) => Promise<RunResult>,
): Promise<RunResult> {
  const tracking = openTracking({ recipe, path: folder.path, onNote: options.onNote, summary });
  try {
    const result = await run(tracking);
    await tracking.end(result.summary ? 'finished' : 'stopped', result.summary);
    return result;
  } catch (error) {
    if (!(error instanceof LostClaim)) await tracking.end('failed');
    throw error;
  }
}

async function carryOut(work: Work): Promise<RunResult> {
  const { recipe, folder, task, options } = work;
  const { pictures } = task;
  const notes = [
    ...(pictures ? [pictures.told] : []),
    ...dataNotes(task, 'training'),
    ...zerosThatFill(recipe, task),
  ];
  for (const note of notes) options.onNote?.(note);
  try {
    const before = isPath(recipe.model) ? await evaluateBefore(work) : undefined;
    const { search, ...own } = isPrune(recipe)
      ? await withFarthest({ ...work, recipe }, rehearse)
      : { recipe, search: undefined };
    const made = await carriedOut({ ...work, ...own });
    if (!made) return { folder };
    const samples = samplesOf(task.dataset);
    const { classes } = task.dataset;
    const known = { before, samples, notes, pictures, classes };
    return { folder, summary: await conclude({ ...work, ...own, ...made, ...known, search }) };
  } catch (error) {
    if (options.signal?.aborted && error === options.signal.reason) return { folder };
    throw error;
  }
}

/** What a recipe with a target makes of its task. */
const carriedOut = (work: Work): Promise<Made | undefined> => {
  const { recipe } = work;
  return isStructured(recipe) ? removeChannels({ ...work, recipe }) : trainOnce(work);
};

/** Where a run trains a network with zeros whose method does not keep them, a sentence about that. */
function zerosThatFill(recipe: Recipe, { graph, inputShapes }: ModelTask): string[] {
  if (isPrune(recipe) && !isStructured(recipe)) return [];
  const { sparsity } = measure(graph, inputShapes);
  if (sparsity <= 0.01) return [];
  const zeros = `${(100 * sparsity).toFixed(0)} % of the model's prunable weights are zero`;
  return isPrune(recipe)
    ? [`${zeros}. They will not stay zero: remove channels first, then prune single weights (--sparsity).`]
    : [`${zeros}. train makes them non-zero; use prune to keep them pruned.`];
}

/** Does what a recipe says of a task for nothing but what it comes to: its folder is a temporary one, and nothing is exported. */
export async function rehearse(
  recipe: Recipe,
  task: AimedTask,
  { machine, signal }: { machine: Machine; signal?: AbortSignal },
): Promise<Figures & { seconds: number; lastEpoch: number }> {
  const folder = runFolder(await mkdtemp(join(tmpdir(), 'espalier-')));
  const work: Work = { recipe, folder, task, machine, resume: false, options: { signal } };
  try {
    await mkdir(folder.stages);
    const made = await carriedOut(work);
    signal?.throwIfAborted();
    const { measured, epochs } = made!;
    const seconds = epochs.reduce((sum, { seconds }) => sum + seconds, 0);
    return { ...measured, seconds, lastEpoch: epochs.at(-1)?.seconds ?? 0 };
  } finally {
    await rm(folder.path, { recursive: true, force: true });
  }
}

async function evaluateBefore({ task, machine, options }: Work): Promise<Evaluation> {
  options.onNote?.('Measuring the model as it is …');
  const before = await evaluateGraph(task, task.graph, { machine, signal: options.signal });
  for (const sentence of answersNotFinite(before)) options.onNote?.(sentence);
  return before;
}

/** The run with what samples make of its model beforehand, where its method looks at some. */
async function calibrated(work: Work): Promise<Work> {
  const { recipe, task, machine, options } = work;
  const method = isPrune(recipe) ? maskingMethod(recipe.method) : undefined;
  if (!isPrune(recipe) || !method?.calibrated) return work;
  const samples = calibrationSamples(dataOf(recipe, task), { samples: recipe.calibrate, seed: recipe.seed });
  const iterations = recipe.epochs * stepsOf(recipe, task);
  const { inputShapes } = task;
  const { onNote, signal } = options;
  const how = { recipe, method, machine, inputShapes, samples, iterations, onNote, signal };
  return { ...work, task: { ...task, graph: await presparsified({ ...how, graph: task.graph }) } };
}

/** A run that trains nothing. */
async function zeroOnce({
  recipe,
  folder,
  task,
  machine,
  options,
  tracking,
}: Work<PruneRecipe>): Promise<Made> {
  const made = await zeroed(recipe, task.graph);
  await writeMetrics(folder, []);
  tracking?.begin([]);
  const measured = await evaluateGraph(task, made.graph, { machine, signal: options.signal });
  return { ...made, epochs: [], measured: figuresIn(measured) };
}

/** A run of one training: dense, or with single weights pruned while it goes on. Undefined when the signal stopped it. */
async function trainOnce(given: Work): Promise<Made | undefined> {
  const work = await calibrated(given);
  const { recipe, folder, task, machine } = work;
  if (isPrune(recipe) && recipe.epochs === 0) return zeroOnce({ ...work, recipe });
  let plan: Plan | undefined;
  const training = { ...trainerSettings(recipe), steps: stepsOf(recipe, task) };
  const pruning = pruningOf(recipe, task, training, (made) => {
    plan = made;
  });
  const teacher = await teacherOf(recipe, given.task);
  const network = loadTask(task, graphToTrain(pruning.graph, task.objective), machine);
  try {
    const result = await trainInFolder(work, network, {
      hooks: pruning.hooks,
      checkpoint: folder.checkpoint,
      training: { teacher, ...pruning.training },
    });
    if (!result.finished) return undefined;
    const graph = pruning.finish(withWeights(pruning.graph, weightsOf(network)));
    if (plan) assertPruned(graph, task, plan);
    const { epochs, masks, best } = result;
    const last = epochs[epochs.length - 1];
    return {
      ...{ graph, epochs, plan, masks, measured: figuresIn(last.test ?? last.validation ?? last) },
      best: best && { epoch: best.epoch, ...figuresIn(best) },
    };
  } finally {
    network.close();
  }
}

/** A run whose stages remove channels. */
async function removeChannels(work: Parameters<typeof pruneChannels>[0]): Promise<Made> {
  const pruned = await pruneChannels(work);
  return {
    graph: pruned.graph,
    latency: pruned.latency,
    epochs: pruned.done.flatMap(({ facts }) => facts.epochs ?? []),
    measured: lastMeasured(pruned),
    channels: channelSummary(pruned, work.task),
  };
}

/** A weight that was pruned and is not zero would be a defect of ours. */
function assertPruned(graph: Graph, { inputShapes }: Task, { pruned }: Plan): void {
  const { prunable, sparsity } = measure(graph, inputShapes);
  const zeros = Math.round(prunable * sparsity);
  if (zeros < pruned) throw new Error(`${pruned} weights were pruned, but only ${zeros} are zero`);
}
