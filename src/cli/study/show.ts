/** The results of a study, so far. */
import { studyNotes, studyTable, writeStudy } from '../../report/index.js';
import {
  mixedData,
  readStudyLines,
  type Study,
  type StudyRun,
  stoppedIn,
  summarizeStudy,
} from '../../runs/index.js';
import type { Face } from '../face.js';
import { left, right, table } from '../table.js';

/** Writes and prints what is there. */
export async function show(study: Study, runs: readonly StudyRun[], out: string, face: Face): Promise<void> {
  const lines = await readStudyLines(runs);
  const mixed = await mixedData(runs);
  const stopped = (await stoppedIn(study, runs)).map(({ cell, epoch, value }) => ({ ...cell, epoch, value }));
  const result = {
    ...summarizeStudy(study, lines),
    ...(mixed && { mixed }),
    ...(stopped.length > 0 && { stopped }),
  };
  await writeStudy(out, result, lines);
  const { titles, rows } = studyTable(result);
  const columns = titles.map((title, i) => (i < result.axes.length ? left(title) : right(title)));
  face.result(result, [table(columns, rows), ...studyNotes(result)].join('\n\n'));
}
