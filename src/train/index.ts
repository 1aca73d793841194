/** The train room: the loop, evaluation, optimisers, schedules and checkpoints. */

// Training.

export type { TrainData } from './data.js';
export type { EpochState, Hook, HookMoment, MaskReport, TrainState } from './hooks.js';
export { trainNetwork } from './loop.js';
export type {
  Apart,
  CheckpointOptions,
  TrainOptions,
  TrainProgress,
  TrainResult,
  TrainStart,
} from './options.js';
export { type Access, everything, type Reached, type ReachPart } from './reach.js';
export type { Best, EpochMetrics, RunState } from './state.js';

// Evaluation, and BatchNorm statistics computed again.

export {
  checkInputs,
  type EvaluateOptions,
  type Evaluation,
  type Evaluator,
  evaluate,
  openEvaluator,
} from './evaluate.js';
export { checkBatches } from './lone.js';
export { type Recalibrated, type RecalibrateOptions, recalibrate } from './recalibrate.js';

// Optimisers and schedules.

export { type Optimizer, type OptimizerSettings, resolveOptimizer } from './optimizer.js';
export {
  learningRateAt,
  type Moment,
  resolveSchedule,
  type Schedule,
  type ScheduleSettings,
} from './schedule.js';
export { resolve } from './settings.js';

// Checkpoints, and the weights of a network.

export { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.js';
export { weightsOf, withWeights } from './weights.js';
