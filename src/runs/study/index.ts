/** Studies: the public surface. */
export { claimStudy } from './claim.js';
export { mixedData } from './data.js';
export { failureOf } from './failures.js';
export { carryOut, type JobOptions, type Order, type StudyEvent, type Word } from './jobs.js';
export * from './stages.js';
export * from './statistics.js';
export * from './study.js';
export * from './table.js';
