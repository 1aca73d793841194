/** Studies on many machines: queues, those who put runs there, and those who take them. */
export { isServer, openBull as openQueue, shownAddress } from './bull.js';
export { readTask, writeArrayJob } from './slurm.js';
export { submitRuns } from './submit.js';
export type { RunQueue } from './types.js';
export { work, workOnTask } from './work.js';
