/** Reports of runs: the public surface of this room. */
import type { MeasuredSensitivity, RunFolder } from '../runs/index.js';

export { heldAtOne, roundedTo, rows } from './figures.js';
export { studyLatex, studyNotes, studyTable, writeStudy } from './study/index.js';
export { isSpoilt, verdictOf } from './verdict.js';
export * from './words.js';

/**
 * Makes report.html in the folder of a finished run. The library that draws is loaded only now.
 * @throws UserError when a file cannot be read or written.
 */
export async function writeReport(folder: RunFolder): Promise<void> {
  const report = await import('./report.js');
  await report.writeReport(folder);
}

/** Writes sensitivity.json and sensitivity.html in a folder. @throws UserError when they cannot be written. */
export async function writeSensitivity(folder: string, result: MeasuredSensitivity): Promise<void> {
  const page = await import('./sensitivity.js');
  await page.writeSensitivity(folder, result);
}
