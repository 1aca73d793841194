/** Studies: the public surface. */
export { claimStudy } from './claim.js';
export { mixedData } from './data.js';
export { failureOf } from './failures.js';
export { carryOut, type ExecutionOptions, type JobOptions, type StudyEvent } from './jobs.js';
export type { Order, Word } from './process.js';
export * from './queue/index.js';
export * from './stages.js';
export * from './statistics.js';
export * from './study.js';
export * from './table.js';
