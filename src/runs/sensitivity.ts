/** How accuracy falls when one group of channels is thinned at a time. */
import {
  findChannels,
  type ImportanceName,
  importanceOf,
  importances,
  measureSaliency,
  type Sensitivity,
  sensitivityOf,
} from '../channels/index.js';
import { type MachineChoice, openMachine } from '../engine/index.js';
import { headlineOf, type Metric, meritOf } from '../objectives/index.js';
import { refuseNotFinite } from './finite.js';
import { withObjective } from './objective.js';
import { tellingOf } from './pictures.js';
import type { sensitivitySettings, Values } from './settings.js';
import { openTask, type TaskOptions } from './task.js';
import { choosingSplit, evaluateGraph } from './training.js';

export interface MeasureSensitivityOptions
  extends MachineChoice,
    TaskOptions,
    Values<typeof sensitivitySettings> {
  /** Stops the work; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called after each measurement, with the number done and of all. */
  onProgress?: (done: number, all: number) => void;
  /** Is told, before anything is computed, how pictures are prepared. */
  onNote?: (sentence: string) => void;
}

/** The result of {@link measureSensitivity}. */
export interface MeasuredSensitivity extends Sensitivity {
  /** The model as it was given. */
  model: string;
  /** The data as they were given. */
  data: string;
  /** How the importance of a channel was measured. */
  importance: ImportanceName;
  /** What `whole` and the rows' values are. */
  metric: Metric;
  /** Parts of the groups that were asked for. */
  densities: readonly number[];
  /** How many images accuracy is measured on, and whether they are those for testing. */
  images: number;
  /** Whether accuracy is measured on the test samples. */
  test: boolean;
}

const tenths = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1];

/**
 * Opens model and data, thins one group of channels at a time, and measures how the metric changes.
 * @throws UserError when model and data do not fit, or a setting makes no sense.
 */
export async function measureSensitivity(options: MeasureSensitivityOptions): Promise<MeasuredSensitivity> {
  const { importance: name = 'group-norm', densities = tenths, keepAtLeast, maxSparsity } = options;
  const { samples = 2048, signal } = options;
  const { heads, ignore, freeze, seed = 0, onProgress, onNote } = options;
  const opened = await openTask({ ...options, onPictures: tellingOf(onNote) });
  const { graph, dataset, inputShapes, pictures } = opened;
  for (const note of [...(pictures ? [pictures.told] : []), ...(opened.notes ?? [])]) onNote?.(note);
  refuseNotFinite(graph, { trained: false });
  const test = samples === 0 && dataset.test !== undefined;
  const split = test ? dataset.test! : choosingSplit(dataset, samples || dataset.train.length);
  const machine = await openMachine({ engine: options.engine, threads: options.threads });
  try {
    const task = await withObjective(opened, { ...options, machine, teacher: 'self' });
    const { objective } = task;
    const channels = findChannels(graph, { inputShapes, heads, ignore, freeze });
    const how = { ...importances[name], seed };
    const saliency =
      how.criterion === 'taylor'
        ? await measureSaliency(graph, {
            machine,
            inputShapes,
            data: dataset,
            objective,
            batch: 128,
            seed,
            signal,
          })
        : undefined;
    const result = await sensitivityOf(graph, channels, {
      ...{ densities, signal, onProgress, limits: { keepAtLeast, maxSparsity } },
      importance: importanceOf(graph, channels, { ...how, saliency }),
      evaluate: async (masked) =>
        meritOf(await evaluateGraph(task, masked, { machine, split, signal }), objective),
    });
    const { model, data } = options;
    const metric = headlineOf(objective);
    const shown = metric.better === 'higher' ? result : turned(result);
    return { model, data, importance: name, metric, densities, images: split.length, test, ...shown };
  } finally {
    await machine.close();
  }
}

/** Values of which less is better were measured with the sign turned. */
const turned = ({ whole, rows }: Sensitivity): Sensitivity => ({
  whole: 0 - whole,
  rows: rows.map((row) => ({ ...row, value: 0 - row.value })),
});
