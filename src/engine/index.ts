export { byName } from './input.js';
export type { Machine } from './machine.js';
export { type LoadOptions, loadNetwork, MemoryError } from './network.js';
export { type MachineOptions, openMachine } from './open.js';
export { type Lines, linesFrom, linesSize, openPair, type Pair, type Segment } from './pair.js';
export type * from './types.js';
