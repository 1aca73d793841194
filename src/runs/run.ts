/**
 * A run from its recipe to its folder: fresh, or where a killed one stopped; with data, or without.
 *
 * All take the same way; only what the checkpoint holds is not done again. The network that a run starts from is kept in its folder, so
 * that it can be resumed whatever became of the file it was made from.
 */
import { existsSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { fail } from '../base/index.js';
import { type DataDigest, difference, digestOfParts } from '../data/index.js';
import type { MachineChoice } from '../engine/index.js';
import { type Graph, readModel, writeModel } from '../onnx/index.js';
import type { TrainStart } from '../train/index.js';
import { perform, type RunResult, tracked } from './carry-out.js';
import { beginEngines, goOnWith } from './engines.js';
import { UncheckedError } from './export.js';
import { refuseNotFinite } from './finite.js';
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
  sweepRun,
  writeJson,
} from './folder.js';
import { objectiveOptions, withObjective } from './objective.js';
import { openFor } from './opened.js';
import { keptIn, partsOf } from './paths.js';
import { withCardFor, withPictures } from './pictures.js';
import { checkRun } from './pruning.js';
import { isPrune, isStructured, type Recipe, resolveRecipe, WITHOUT_DATA } from './recipe.js';
import { openMethod } from './registry.js';
import { objectiveSummary } from './summary.js';
import { type AimedTask, checkOutputs, hasData, type ModelTask, type Task } from './task.js';
import type { Opened, RunOptions } from './work.js';

/** Options of {@link startRun}. */
export interface StartOptions extends RunOptions {
  /** Model and data, where they have been opened by the recipe's settings; the run closes them. */
  opened?: Opened;
}

/**
 * Carries out a recipe in a new folder.
 * @throws UserError when the folder is not empty, or the recipe cannot be carried out.
 */
export async function startRun(
  recipe: Recipe,
  out: string,
  { opened: given, ...options }: StartOptions = {},
): Promise<RunResult> {
  let opened = given;
  try {
    await refuseOccupied(out);
    if (isPrune(recipe)) await openMethod(recipe.method);
    opened ??= await openFor(recipe, options);
    return await startOpened(recipe, out, opened, options);
  } finally {
    await opened?.close();
  }
}

async function startOpened(
  recipe: Recipe,
  out: string,
  opened: Opened,
  options: RunOptions,
): Promise<RunResult> {
  let claimed: Claimed | undefined;
  let begun = false;
  const onStart = (start: TrainStart) => {
    begun = true;
    options.onStart?.(start);
  };
  try {
    refuseNotFinite(opened.task.graph, { trained: 'dataset' in opened.task });
    const task = await aimed(recipe, opened, options);
    if (hasData(task)) await refuseUnfit(recipe, task, opened);
    claimed = await createRun(out, hasData(task) ? withPictures(recipe, task) : recipe);
    const { folder } = claimed;
    await writeModel(folder.start, task.graph);
    await keepNature(folder, opened.task, task);
    const machine = await opened.machine();
    const engines = hasData(task) ? await beginEngines(folder, machine) : undefined;
    const how = { machine, engines, loaded: opened, resume: false };
    return await perform({ recipe, folder, task, ...how, options: { ...options, onStart } });
  } catch (error) {
    if (claimed && !begun && !options.signal?.aborted && !(error instanceof UncheckedError))
      await abandonRun(claimed);
    throw error;
  } finally {
    await claimed?.release();
  }
}

/** The task of a run: where it has data, with what its models are trained and compared by, and with a card of them in its metadata. */
async function aimed(
  recipe: Recipe,
  { task, machine }: Opened,
  options: RunOptions,
): Promise<ModelTask | AimedTask> {
  if (!('dataset' in task)) return task;
  const carded = withOwnCard(recipe, task);
  return withObjective(carded, objectiveOptions(recipe, carded, await machine(), options));
}

/** The model says from here on which pictures and classes it is for. */
const withOwnCard = <T extends ModelTask | Task>(recipe: Recipe, task: T): T =>
  'dataset' in task ? { ...task, graph: withCardFor(task, recipe.command === 'train') } : task;

/** @throws UserError where the model does not fit the data, or the recipe cannot be carried out with them. */
async function refuseUnfit(recipe: Recipe, task: AimedTask, { network }: Opened): Promise<void> {
  const loaded = await network();
  checkOutputs(task, loaded);
  checkRun(recipe, task, loaded);
}

/** Keeps what tells the data from others, and by what networks are compared, where there are data. */
async function keepNature(folder: RunFolder, given: ModelTask | Task, task: ModelTask): Promise<void> {
  if (!('dataset' in given) || !hasData(task)) return;
  await writeJson(folder.data, await digestOfParts(given.dataset));
  const named = objectiveSummary(task.objective);
  if (named) await writeJson(folder.measured, { metrics: named.metrics });
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
  const recipe = resolveRecipe(kept.command, withEveryStage(moved), kept.version);
  await refuseOtherFiles(folder, recipe);
  refuseMissingData(recipe);
  const start = await readStart(folder);
  const where = { threads: threads ?? kept.threads, engine: engine ?? kept.engine };
  const opened = await openFor({ ...recipe, ...where }, options, start);
  try {
    await refuseOtherData(folder, recipe, opened.task);
    if (data !== undefined) await writeJson(folder.recipe, keptIn(folder.path, recipe));
    await writeModel(folder.start, withOwnCard(recipe, opened.task).graph);
    const machine = await opened.machine();
    const engines = 'dataset' in opened.task ? await goOnWith(folder, machine, options) : undefined;
    const task = await aimed(recipe, opened, options);
    return await perform({ recipe, folder, task, machine, engines, loaded: opened, resume: true, options });
  } finally {
    await opened.close();
  }
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

/** A run of channels of an earlier version goes on as it was started, without a step that there was none of then. */
const withEveryStage = (kept: Recipe): Recipe =>
  isStructured(kept) && kept.reconstruct === undefined ? { ...kept, reconstruct: false } : kept;

/** Runs of earlier versions have not kept what would tell other data: from now on they do. */
async function refuseOtherData(
  { data: path }: RunFolder,
  { data }: Recipe,
  task: ModelTask | Task,
): Promise<void> {
  if (!('dataset' in task)) return;
  const now = await digestOfParts(task.dataset);
  const before = (await readJson(path)) as DataDigest | undefined;
  const different = before && difference(before, now);
  if (different)
    fail(
      `The samples of ${data} are not those that the run was started with: ${different}; put them back as they were, or start a new run.`,
    );
  await writeJson(path, now);
}

/** The network a run started from; undefined when it was killed before that was written. */
const readStart = (folder: RunFolder): Promise<Graph | undefined> =>
  access(folder.start).then(
    () => readModel(folder.start),
    () => undefined,
  );
