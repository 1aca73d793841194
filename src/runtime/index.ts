/** Inference of pruned models, one sample at a time: import { load } from 'espalier/runtime'. */
export { load } from './load.js';
export type { LoadOptions, Model } from './model.js';
export { type PackOptions, pack, unpack } from './pack.js';
