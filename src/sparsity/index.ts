/** Unstructured pruning: which single weights go, when, and how many. */
export { type Allocated, type AllocationName, allocate, type Share } from './allocation.js';
export { gradual } from './gradual.js';
export { prunables, pruningHook } from './hook.js';
export { applyMasks, census, countNonZero, deadUnits } from './masks.js';
export { fggp } from './methods/fggp.js';
export { gmp } from './methods/gmp.js';
export { findMethod, methods } from './methods/index.js';
export type { ObjectiveName } from './objectives/index.js';
export type { GradualOptions } from './options.js';
export type { GradualPlan } from './plan.js';
export { densityAt, pruningEnd, type ScheduleName, updateIterations } from './schedule.js';
export { type ScoreName, scores } from './score.js';
export { largest, type Scored, smallest } from './select.js';
export { layersOf } from './still.js';
export type * from './types.js';
