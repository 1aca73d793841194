/** Unstructured pruning: which single weights go, when, and how many. */
export { type Allocated, type AllocationName, allocate, type Share } from './allocation.js';
export { type GradualMethod, gradual } from './gradual.js';
export type { Growth, GrowthName } from './growth.js';
export { prunables, pruningHook } from './hook.js';
export { applyMasks, census, countNonZero, deadUnits } from './masks.js';
export { fggp } from './methods/fggp.js';
export { gmp } from './methods/gmp.js';
export { findMethod, type MaskingMethods, methods } from './methods/index.js';
export type { ObjectiveName } from './objectives/index.js';
export type { Given as GivenOptions, GradualOptions } from './options.js';
export { decidesSparsity, patternOf } from './pattern.js';
export type { GradualPlan } from './plan.js';
export { densityAt, pruningEnd, type Schedule, type ScheduleName, updateIterations } from './schedule.js';
export { type OwnScore, type ScoreName, scores } from './score.js';
export { largest, type Scored, smallest } from './select.js';
export { gradualSettings } from './settings.js';
export { layersOf } from './still.js';
export type * from './types.js';
