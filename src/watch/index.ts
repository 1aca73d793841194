/** A live page of runs: the public surface of this room. */
export { savePage, type Watch, type WatchOptions, watch } from './server.js';
