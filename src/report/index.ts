/** Reports of runs: the public surface of this room. */
export { renderReport, rows, writeReport } from './report.js';
export * from './words.js';
