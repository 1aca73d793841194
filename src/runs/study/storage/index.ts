/** Runs of a study kept in a store that speaks the protocol of Amazon S3, for machines that share no folder. */
export { carryOutStored, isTaken, type StoredRunOptions } from './carry.js';
export { gathering, placeIn as storedPlace } from './gather.js';
export { openStore, provenStores } from './probe.js';
export { isStore } from './s3.js';
export type { StoredPlace } from './types.js';
