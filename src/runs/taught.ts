/** A task whose models learn what a teacher answers: also inside, where that helps, and from answers that are kept where they can be. */
import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { inGigabytes } from '../base/index.js';
import { cacheDirectory, type Dataset } from '../data/index.js';
import type { Machine } from '../engine/index.js';
import {
  atEnds,
  distillation,
  headsOf,
  innerValues,
  isSteady,
  keepAnswers,
  measureScales,
  type Scales,
  sizeOfAnswers,
  valueSizes,
  valuesToMatch,
} from '../objectives/index.js';
import type { Graph } from '../onnx/index.js';
import { endsOf, reachOfTask, taughtPart } from './reach.js';
import type { AimedTask, Task } from './task.js';

export interface ObjectiveOptions {
  machine: Machine;
  /** What is learnt, where that is said. */
  learn?: string;
  ignoreIndex?: number;
  /** A file, or `self` for the task's own model. */
  teacher?: string;
  /** Names of inner values to learn from the teacher. */
  match?: readonly string[];
  /** BatchNormalization goes by its running statistics in training. */
  running?: boolean;
  /** Where all epochs have the same inputs: how many epochs there are. */
  steadyEpochs?: number;
  signal?: AbortSignal;
  onNote?: (sentence: string) => void;
}

/** Answers of so many bytes are kept in memory, and of so many on disk. */
const IN_MEMORY = 2 ** 28;
const ON_DISK = 2 ** 33;
/** Share of the free room on the disk that they may take. */
const ROOM = 0.5;
/** Instead of names of inner values: chosen by what the teacher answers, or none. */
export const AUTO = 'auto';
const OUTPUTS_ALONE = 'none';
/** Samples by which scales, and so the time of the teacher, are measured. */
const MEASURED = 256;

/**
 * The task with an objective that imitates a teacher, as far as that can be computed.
 * @throws UserError where nothing of the teacher can be learnt, or it has no value to match of a name.
 */
export async function taughtBy(teacher: Graph, task: Task, options: ObjectiveOptions): Promise<AimedTask> {
  const reach = reachOfTask({ graph: teacher, inputShapes: task.inputShapes });
  if (!reach) return taughtWhole(teacher, task, options);
  const aim = await taughtWhole(taughtPart(teacher, reach), task, options);
  return { ...aim, objective: atEnds(aim.objective, endsOf(reach)) };
}

async function taughtWhole(teacher: Graph, task: Task, options: ObjectiveOptions): Promise<AimedTask> {
  const { dataset, inputShapes } = task;
  const { machine, signal } = options;
  const asked = named(teacher, task, options);
  const how = { machine, inputShapes, normalize: dataset, augment: dataset.augment.test, signal };
  const start = performance.now();
  let scales = await measureScales(teacher, dataset.train, { ...how, match: asked });
  const seconds = (performance.now() - start) / 1000 / Math.min(MEASURED, dataset.train.length);
  const steady = [...scales].flatMap(([output, scale]) => (scale.steady ? [output] : []));
  if (steady.length > 0)
    options.onNote?.(
      `The teacher answers nearly the same to every sample at ${steady.join(', ')}, which ${steady.length === 1 ? 'counts' : 'count'} less for that, and not at all in the error of the model.`,
    );
  const found = options.match?.includes(AUTO) ? chosen(teacher, task, scales) : [];
  const match = found.length > 0 ? found : asked;
  if (found.length > 0) {
    options.onNote?.(
      `The teacher’s answers hardly differ from sample to sample, so learning from them alone would be slow: the model learns ${found.length} inner values as well (--match none: the outputs alone).`,
    );
    scales = await measureScales(teacher, dataset.train, { ...how, match });
  }
  const values = [
    ...new Set([...headsOf(teacher).flatMap(({ output, value }) => [output, value]), ...match]),
  ];
  const sizes = valueSizes(teacher, inputShapes);
  const numbers = values.reduce((sum, name) => sum + sizes.get(name)!, 0);
  const place = placeOf(dataset, numbers, { ...options, seconds });
  if (!place) return { ...task, objective: distillation(teacher, scales, { match }) };
  const keep = { ...how, teacher, values, folder: place.folder };
  const train = await keepAnswers(dataset.train, keep);
  const test = dataset.test && (await keepAnswers(dataset.test, keep));
  const objective = distillation(teacher, scales, { match, kept: true });
  return { ...task, dataset: { ...dataset, train, test }, objective };
}

/** Names of inner values that are learnt, too, where somebody says so. */
function named(teacher: Graph, { inputShapes }: Task, { match = [] }: ObjectiveOptions): string[] {
  const asked = match.filter((name) => name !== AUTO && name !== OUTPUTS_ALONE);
  return asked.length > 0 ? valuesToMatch(asked, [...innerValues(teacher, inputShapes).keys()]) : [];
}

/**
 * Inner values, where nobody says which and the outputs alone teach slowly: where all of them are decisions that hardly differ from sample
 * to sample, so that each sample says next to nothing of the network.
 */
function chosen(teacher: Graph, { inputShapes }: Task, scales: Scales): string[] {
  const heads = headsOf(teacher).filter(({ kind }) => kind !== 'whole');
  const slow = heads.every((head) => isSteady(head, scales.get(head.output)!));
  return slow ? [...innerValues(teacher, inputShapes).keys()] : [];
}

/** Where answers are kept, undefined where they are not; says what that costs. */
function placeOf(
  { train, test }: Dataset,
  numbers: number,
  { steadyEpochs, onNote, seconds }: ObjectiveOptions & { seconds: number },
): { folder?: string } | undefined {
  if (steadyEpochs === undefined) return undefined;
  const samples = train.length + (test?.length ?? 0);
  const bytes = sizeOfAnswers(samples, numbers);
  const said = bytes < 1e8 ? `${(bytes / 1e6).toPrecision(3)} MB` : inGigabytes(bytes);
  const once = `The inputs are the same in every epoch, so the teacher answers each of the ${samples} samples once, in about ${Math.ceil(samples * seconds)} s, and its answers take ${said}`;
  if (bytes <= IN_MEMORY) {
    onNote?.(`${once} of memory.`);
    return {};
  }
  const folder = cacheDirectory('answers');
  if (bytes <= Math.min(ON_DISK, ROOM * roomIn(folder))) {
    onNote?.(`${once} on disk in ${folder} until the run ends.`);
    return { folder };
  }
  onNote?.(
    `The teacher answers every batch again, which makes each step about a third longer: storing its answers would take ${said}.`,
  );
  return undefined;
}

/** Free bytes where a folder is, or will be. */
function roomIn(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(existsSync(folder) ? folder : dirname(folder));
    return bavail * bsize;
  } catch {
    return 0;
  }
}
