/** The sparsity room: unstructured pruning. Which single weights go, when, and how many. */

// Methods, built in and made of settings.

export { type GradualMethod, gradual } from './gradual.js';
export { fggp } from './methods/fggp.js';
export { gmp } from './methods/gmp.js';
export { findMethod, type MaskingMethods, methods } from './methods/index.js';
export type { Given as GivenOptions, GradualOptions } from './options.js';
export { type GradualPlan, largestCut, zerosAsPlanned } from './plan.js';
export { gradualSettings } from './settings.js';
export type * from './types.js';

// Axes of a method: scores, growth, schedules, allocation, patterns.

export { type Allocated, type AllocationName, allocate, type Share } from './allocation.js';
export type { Growth, GrowthName } from './growth.js';
export type { ObjectiveName } from './objectives/index.js';
export { decidesSparsity, patternOf } from './pattern.js';
export {
  densityAt,
  type PruningSchedule,
  pruningEnd,
  type ScheduleName,
  updateIterations,
} from './schedule.js';
export { type OwnScore, type ScoreName, scores } from './score.js';
export { largest, type Scored, smallest } from './select.js';

// Methods that learn their masks by gradient.

export {
  bakeMasks,
  edgePopup,
  type LearntContext,
  type LearntMethod,
  type LearntMethods,
  type LearntRun,
  learntMethods,
  probmask,
  str,
  unstructuredSettings,
} from './learnt/index.js';

// Masks on a network in training, and what is zero in a graph.

export { prunables, pruningHook } from './hook.js';
export { applyMasks, census, countNonZero, unreachedUnits } from './masks.js';
export { layersOf } from './still.js';
