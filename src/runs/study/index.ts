/** Studies: the public surface. */
export { claimStudy } from './claim.js';
export { estimateCost, type StudyCost } from './cost.js';
export { mixedData } from './data.js';
export { query, writeParquet } from './duckdb.js';
export { failureOf } from './failures.js';
export { carryOutHalving, refuseHalving, stoppedIn } from './halving.js';
export {
  carryOut,
  type ExecutionOptions,
  type JobOptions,
  openRuns,
  type StudyEvent,
  type StudyTask,
} from './jobs.js';
export type { LastWord, Order, ProcessMessage } from './process.js';
export * from './queue/index.js';
export { type Row, readResult, runRows, settingRows } from './rows.js';
export * from './stages.js';
export * from './statistics.js';
export type { Stopped as StoppedSetting } from './stopping.js';
export * from './storage/index.js';
export * from './study.js';
export * from './table.js';
