/** A live page of runs: the public surface of this room. */
export { networkIn } from './network.js';
export { savePage, type Watch, type WatchOptions, watch } from './server.js';
export type { DrawnNetwork } from './types.js';
