/** The public surface of the `channels` room: structured pruning. */
export { emptied, floorsHold, floorsOf } from './floors.js';
export { findChannels } from './groups.js';
export { maskChannels } from './mask.js';
export { shrink } from './shrink.js';
export * from './types.js';
export { withWeights } from './weights.js';
