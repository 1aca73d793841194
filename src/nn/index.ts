/** Networks: their first values, a builder, and a zoo. */
export * from './build.js';
export type { Initialization, Initialize, KaimingOptions } from './initialize.js';
export * as initialize from './initialize.js';
export { buildNetwork, zoo } from './zoo/index.js';
export type { Network, NetworkOptions, Shortcut, Stem } from './zoo/network.js';
