/** The results of a study on disk: study.md, study.json, study.jsonl, study.html and a picture of each chart, made anew from what there is. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, reason, writeAtomically } from '../../base/index.js';
import type { FailedLine, RunLine, StudyResult } from '../../runs/index.js';
import { chart, charts, html, page } from '../page.js';
import { table } from '../table.js';
import { inMetric } from '../words.js';
import type { StudyChart } from './chart.js';
import { metricsOf, studyNotes, studyTable } from './rows.js';

/**
 * Writes the report of a study into its folder.
 * @throws UserError when a file cannot be written.
 */
export async function writeStudy(
  folder: string,
  result: StudyResult,
  lines: readonly (RunLine | FailedLine)[],
): Promise<void> {
  const { drawStudy } = await import('./chart.js');
  const drawn = result.cells.length > 0 ? drawStudy(result) : [];
  await mkdir(folder, { recursive: true }).catch((error) =>
    fail(`Cannot make the folder ${folder}: ${reason(error)}; give another one.`),
  );
  const head = { title: result.title, recipe: result.recipe };
  await Promise.all([
    writeAtomically(join(folder, 'study.md'), studyMarkdown(result)),
    writeAtomically(join(folder, 'study.json'), `${JSON.stringify(result, null, 2)}\n`),
    writeAtomically(
      join(folder, 'study.jsonl'),
      [head, ...lines].map((line) => `${JSON.stringify(line)}\n`).join(''),
    ),
    writeAtomically(join(folder, 'study.html'), studyPage(result, drawn)),
    ...drawn.map(({ name, drawing }) => writeAtomically(join(folder, `${name}.svg`), picture(drawing))),
  ]);
}

export function studyMarkdown(result: StudyResult): string {
  const { titles, rows } = studyTable(result);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = titles.map((_, i) => (i < result.axes.length ? '---' : '---:'));
  return [
    `# ${result.title}`,
    [line(titles), line(rule), ...rows.map(line)].join('\n'),
    ...studyNotes(result),
  ]
    .join('\n\n')
    .concat('\n');
}

/** A drawing as a file of its own, dark on white wherever it is shown. */
export const picture = (drawing: string): string =>
  `${drawing.replace('<svg ', '<svg style="background: white; color: black" ')}\n`;

function studyPage(result: StudyResult, drawn: readonly StudyChart[]): string {
  const { titles, rows } = studyTable(result);
  const { axes, title, recipe } = result;
  const columns = titles.map((name, i) => (i < axes.length ? { title: name, words: true } : name));
  const figures = table({
    caption: 'Results of the study',
    columns,
    rows: rows.map((cells) => cells.map(html)),
  });
  const notes = studyNotes(result).map((note) => `<p>${html(note)}</p>`);
  return page({
    title,
    lead: `<p class="lead">${html(leadOf(result))}</p>`,
    sections: [
      { title: 'Results', body: figures + notes.join('') },
      { title: 'Charts', body: charts(drawn.map(({ title, drawing }) => chart(title, drawing, SPREAD))) },
      {
        title: 'Settings of all runs',
        body: `<pre tabindex="0" role="region" aria-label="Settings of all runs">${html(JSON.stringify(recipe, null, 2))}</pre>`,
      },
    ],
  });
}

const SPREAD = 'A dot is the mean over the seeds, and its line one standard deviation to either side.';

function leadOf({ finished, planned, cells }: StudyResult): string {
  const runs = `${finished} of ${planned} runs are finished.`;
  const [metric, ...others] = metricsOf(cells);
  if (!metric || others.length > 0) return runs;
  const sign = metric.better === 'higher' ? 1 : -1;
  const [best] = cells.toSorted((a, b) => sign * (b.accuracy.mean - a.accuracy.mean));
  const extreme = metric.better === 'higher' ? 'highest' : 'lowest';
  return `${runs} The ${extreme} mean ${metric.title} is ${inMetric(metric, best.accuracy.mean)}, with ${Object.entries(
    best.at,
  )
    .map(([axis, value]) => `${axis} ${value}`)
    .join(', ')}.`;
}

export { studyLatex } from './latex.js';
export { studyNotes, studyTable } from './rows.js';
