/** The nn room: first values of networks, a builder, and a zoo. */

// Graphs written by hand, and their first values.

export * from './build.js';
export type { Initialization, Initialize, KaimingOptions } from './initialize.js';
export * as initialize from './initialize.js';

// The zoo.

export { buildNetwork, zoo } from './zoo/index.js';
export type { NetworkOptions, Shortcut, Stem, ZooNetwork } from './zoo/network.js';
