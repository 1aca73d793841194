/** What a run does between its beginning and its end, for fresh and resumed ones alike, with data or without. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LostClaim } from '../base/index.js';
import type { Machine } from '../engine/index.js';
import { summarize } from '../graph/index.js';
import type { Figures } from '../objectives/index.js';
import type { Evaluation } from '../train/index.js';
import { type Conclusion, conclude } from './conclude.js';
import { dataNotes } from './data-notes.js';
import { answersNotFinite } from './finite.js';
import { type RunFolder, runFolder } from './folder.js';
import { withFarthest } from './max-loss.js';
import { measure } from './measure.js';
import { isPath } from './paths.js';
import { isPrune, isStructured, type Recipe } from './recipe.js';
import { randomSamples, samplesOf } from './samples.js';
import { removeChannels } from './structured/perform.js';
import type { Summary } from './summary.js';
import type { AimedTask, ModelTask } from './task.js';
import { openTracking, type Tracking } from './track/index.js';
import { evaluateGraph, evaluateNetwork } from './training.js';
import { trainOnce } from './unstructured.js';
import { type Made, type Work, worksOnData } from './work.js';

/** The result of a run. */
export interface RunResult {
  /** Paths of the files of the run. */
  folder: RunFolder;
  /** Absent when the signal stopped the run. */
  summary?: Summary;
}

type AnyWork = Work<Recipe, ModelTask>;

/** Carries out a run and tells it to those whom its recipe names. */
export const perform = (work: AnyWork): Promise<RunResult> =>
  tracked(work, (tracking) => carryOut({ ...work, tracking }));

/** Tells a run to those whom its recipe names. */
export async function tracked(
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

async function carryOut(work: AnyWork): Promise<RunResult> {
  const { folder, options } = work;
  try {
    const known = await beforehand(work);
    const { search, ...own } = await withTarget(work);
    const made = await carriedOut({ ...work, ...own });
    if (!made) return { folder };
    return { folder, summary: await conclude({ ...work, ...own, ...made, ...known, search }) };
  } catch (error) {
    if (options.signal?.aborted && error === options.signal.reason) return { folder };
    throw error;
  }
}

/** What is known of a run's model and data before anything is done with them; its sentences are told. */
async function beforehand(
  work: AnyWork,
): Promise<Pick<Conclusion, 'samples' | 'notes' | 'pictures' | 'classes' | 'before'>> {
  const { recipe, task, options } = work;
  if (!worksOnData(work)) {
    for (const note of uncounted(task)) options.onNote?.(note);
    return { samples: randomSamples };
  }
  const { pictures, dataset } = work.task;
  const notes = [
    ...(pictures ? [pictures.told] : []),
    ...dataNotes(work.task, 'training'),
    ...zerosThatFill(recipe, task),
  ];
  for (const note of notes) options.onNote?.(note);
  const before = isPath(recipe.model) ? await evaluateBefore(work) : undefined;
  return { before, samples: samplesOf(dataset), notes, pictures, classes: dataset.classes };
}

/** Sentences on the MACs that are in no figure and no target. */
function uncounted({ graph, inputShapes }: ModelTask): string[] {
  const { unknown, uncounted } = summarize(graph, { inputShapes });
  const operators = unknown.map(({ op, count }) => `${op} (${count})`).join(', ');
  const [first, ...more] = uncounted;
  return [
    ...(operators
      ? [
          `espalier does not know the operators ${operators}: their MACs are not counted, and whatever they touch is left as it is.`,
        ]
      : []),
    ...(first
      ? [
          `The MACs of ${uncounted.length} layers are not counted, since their shapes are not known: ${first}${more.length > 0 ? ', …' : ''}.`,
        ]
      : []),
  ];
}

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

async function evaluateBefore({ task, machine, loaded, options }: Work): Promise<Evaluation> {
  options.onNote?.('Measuring the model as it is …');
  const { signal } = options;
  const before = loaded
    ? await evaluateNetwork(task, await loaded.network(), { signal })
    : await evaluateGraph(task, task.graph, { machine, signal });
  for (const sentence of answersNotFinite(before)) options.onNote?.(sentence);
  return before;
}

/** The recipe with its target, which is looked for where the recipe says only what may be lost. */
async function withTarget(work: AnyWork): Promise<{ recipe: Recipe; search?: Summary['search'] }> {
  const { recipe, loaded } = work;
  if (!isPrune(recipe) || !worksOnData(work)) return { recipe };
  if (recipe.maxLoss !== undefined) await loaded?.unload();
  return withFarthest({ ...work, recipe }, rehearse);
}

/** What a recipe with a target makes of its task; undefined where the signal stopped it. */
async function carriedOut(work: AnyWork): Promise<Made | undefined> {
  const { recipe, loaded } = work;
  if (!isStructured(recipe)) return trainOnce(work);
  await loaded?.unload();
  return removeChannels({ ...work, recipe });
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
    return { ...measured!, seconds, lastEpoch: epochs.at(-1)?.seconds ?? 0 };
  } finally {
    await rm(folder.path, { recursive: true, force: true });
  }
}
