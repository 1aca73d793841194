/** A run being carried out: what all its parts are given, and tell. */
import type { Machine } from '../engine/index.js';
import type { EpochMetrics, MaskReport, TrainProgress, TrainStart } from '../train/index.js';
import type { RunFolder } from './folder.js';
import type { Recipe } from './recipe.js';
import type { AimedTask } from './task.js';
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

export interface Work<R extends Recipe = Recipe> {
  recipe: R;
  folder: RunFolder;
  task: AimedTask;
  machine: Machine;
  /** What has computed the run so far, one after another; nobody asks of a rehearsal. */
  engines?: readonly string[];
  /** Go on with what is in the folder. */
  resume: boolean;
  options: RunOptions;
  /** Whoever follows the run's metrics.jsonl; nobody does a rehearsal. */
  tracking?: Tracking;
}
