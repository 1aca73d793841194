/** Training: the public surface of this room. */

export type { Teacher } from '../engine/types.js';
export type { ByClass } from '../objectives/index.js';
export { type Scale, scaleOf, trainingGraph } from '../objectives/logits.js';
export { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.js';
export type { TrainData } from './data.js';
export {
  checkInputs,
  type EvaluateOptions,
  type Evaluation,
  type Evaluator,
  evaluate,
  openEvaluator,
} from './evaluate.js';
export type { EpochState, Hook, HookMoment, MaskReport, TrainState } from './hooks.js';
export { checkBatches } from './lone.js';
export { trainNetwork } from './loop.js';
export { type Optimizer, type OptimizerSettings, resolveOptimizer } from './optimizer.js';
export type {
  Apart,
  CheckpointOptions,
  TrainOptions,
  TrainProgress,
  TrainResult,
  TrainStart,
} from './options.js';
export { type Access, everything, type Reached, type ReachPart } from './reach.js';
export { type Recalibrated, type RecalibrateOptions, recalibrate } from './recalibrate.js';
export {
  learningRateAt,
  type Moment,
  resolveSchedule,
  type Schedule,
  type ScheduleSettings,
} from './schedule.js';
export type { Best, EpochMetrics, RunState } from './state.js';
export { weightsOf, withWeights } from './weights.js';
