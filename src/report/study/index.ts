/** The results of a study on disk: study.md, study.json, study.jsonl, study.html and a picture of each chart, made anew from what there is. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../base/errors.js';
import { reason, writeAtomically } from '../../base/files.js';
import type { FailedLine, RunLine, StudyResult } from '../../runs/index.js';
import { chart, html, page } from '../page.js';
import type { StudyChart } from './chart.js';
import { studyNotes, studyTable } from './rows.js';

/** @throws UserError when a file cannot be written. */
export async function writeStudy(
  folder: string,
  result: StudyResult,
  lines: readonly (RunLine | FailedLine)[],
): Promise<void> {
  const { drawStudy } = await import('./chart.js');
  const charts = result.cells.length > 0 ? drawStudy(result) : [];
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
    writeAtomically(join(folder, 'study.html'), studyPage(result, charts)),
    ...charts.map(({ name, drawing }) =>
      writeAtomically(join(folder, `accuracy-${name}.svg`), picture(drawing)),
    ),
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

function studyPage(result: StudyResult, charts: readonly StudyChart[]): string {
  const { titles, rows } = studyTable(result);
  return page(
    result.title,
    `<h1>${html(result.title)}</h1>
<section class="charts">${charts.map(({ title, drawing }) => chart(title, drawing)).join('')}</section>
<section><h2>Figures</h2>${table(titles, rows)}${studyNotes(result)
      .map((note) => `<p>${html(note)}</p>`)
      .join('')}</section>
<section><h2>What all runs share</h2><pre>${html(JSON.stringify(result.recipe, null, 2))}</pre></section>`,
  );
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: 'th' | 'td') =>
    `<tr>${cells.map((cell) => `<${tag}>${html(cell)}</${tag}>`).join('')}</tr>`;
  return `<table><thead>${row(titles, 'th')}</thead><tbody>${rows.map((cells) => row(cells, 'td')).join('')}</tbody></table>`;
}

export { studyNotes, studyTable } from './rows.js';
