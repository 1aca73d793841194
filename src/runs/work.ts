/** A run being carried out: what all its parts are given, and tell. */
import type { Machine, Network } from '../engine/index.js';
import type { Figures } from '../objectives/index.js';
import type { Graph } from '../onnx/index.js';
import type { Plan } from '../sparsity/index.js';
import type { EpochMetrics, MaskReport, TrainProgress, TrainStart } from '../train/index.js';
import type { RunFolder } from './folder.js';
import type { Recipe } from './recipe.js';
import type { ChannelSummary, StageMeasured, Summary } from './summary.js';
import { type AimedTask, hasData, type ModelTask, type Task } from './task.js';
import type { Tracking } from './track/index.js';

/** Options of {@link startRun}: callbacks, and a signal that stops the run. */
export interface RunOptions {
  /** Stops the run after the current step; then it can be resumed. */
  signal?: AbortSignal;
  /** A sentence for whoever watches. */
  onNote?: (sentence: string) => void;
  /** Called once, before the first step. */
  onStart?: (start: TrainStart) => void;
  /** Called after every step. */
  onStep?: (progress: TrainProgress) => void;
  /** Called after every epoch, when it has been measured. */
  onEpoch?: (metrics: EpochMetrics) => void;
  /** Called after every change of the masks. */
  onMasks?: (report: MaskReport) => void;
}

/** A model, and data where there are any, that have been opened; see `openFor`. */
export interface Opened {
  readonly task: ModelTask | Task;
  /** The machine that all of it is computed on. */
  machine(): Promise<Machine>;
  /** The task's network. Whoever changes its weights unloads it afterwards. */
  network(): Promise<Network>;
  /** Takes the network out of memory; it is loaded again when somebody asks for it. */
  unload(): Promise<void>;
  /** Closes network and machine; both are opened again when somebody asks for them. */
  close(): Promise<void>;
}

/** `T` is {@link ModelTask} where the run may be one without data. */
export interface Work<R extends Recipe = Recipe, T extends ModelTask = AimedTask> {
  recipe: R;
  folder: RunFolder;
  task: T;
  machine: Machine;
  /** What has computed the run so far, one after another; nobody asks of a rehearsal. */
  engines?: readonly string[];
  /** The task's network, loaded once for all that comes before its weights change; a rehearsal has none. */
  loaded?: Pick<Opened, 'network' | 'unload'>;
  /** Go on with what is in the folder. */
  resume: boolean;
  options: RunOptions;
  /** Whoever follows the run's metrics.jsonl; nobody does a rehearsal. */
  tracking?: Tracking;
}

/** Whether a run has data. */
export const worksOnData = <R extends Recipe>(work: Work<R, ModelTask>): work is Work<R> =>
  hasData(work.task);

/** What a run has made of its model, before it is exported. */
export interface Made {
  graph: Graph;
  epochs: EpochMetrics[];
  /** At the end, on the test samples; absent where there are none. */
  measured?: Figures;
  best?: Summary['best'];
  plan?: Plan;
  masks?: MaskReport[];
  /** Where single weights were made up for before any training. */
  stages?: readonly StageMeasured[];
  channels?: ChannelSummary;
  latency?: Summary['latency'];
}
