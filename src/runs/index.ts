/** Runs: recipes, run folders, and what is done with a model: the public surface of this room. */

export * from './bench.js';
export * from './evaluate.js';
export * from './explain.js';
export * from './export.js';
export * from './folder.js';
export * from './inspect.js';
export * from './masks.js';
export * from './measure.js';
export * from './methods.js';
export * from './netron.js';
export * from './pack.js';
export type { Pictures } from './pictures.js';
export * from './profile.js';
export * from './recipe.js';
export { rescaleRecipe } from './rescale.js';
export * from './review.js';
export * from './run.js';
export * from './sensitivity.js';
export * from './settings.js';
export { type SlimResult, slim } from './slim/slim.js';
export * from './study/index.js';
export { suitRecipe } from './suit/suit.js';
export type * from './summary.js';
export * from './task.js';
export * from './usable.js';
export type { RunOptions } from './work.js';
