/** A page that draws how accuracy falls when one group of channels is thinned at a time. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { capital, fail, reason, writeAtomically } from '../base/index.js';
import type { MeasuredSensitivity } from '../runs/index.js';
import { charts, html, page } from './page.js';
import { sensitivityChart } from './structured.js';
import { inMetric } from './words.js';

/** Writes sensitivity.json and sensitivity.html in a folder. @throws UserError when they cannot be written. */
export async function writeSensitivity(folder: string, result: MeasuredSensitivity): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error) =>
    fail(`Cannot make the folder ${folder}: ${reason(error)}; give another one.`),
  );
  await writeAtomically(join(folder, 'sensitivity.json'), `${JSON.stringify(result, null, 2)}\n`);
  await writeAtomically(join(folder, 'sensitivity.html'), renderSensitivity(result));
}

export function renderSensitivity({
  model,
  data,
  metric,
  whole,
  rows,
  images,
  test,
}: MeasuredSensitivity): string {
  const title = `Sensitivity of ${model.split(/[\\/]/).slice(-2).join('/')} on ${data}`;
  const groups = [...new Set(rows.map(({ group }) => group))];
  const points = groups.flatMap((group) => [
    { group, density: 1, accuracy: whole },
    ...rows
      .filter((row) => row.group === group)
      .map(({ density, value }) => ({ group, density, accuracy: value })),
  ]);
  return page({
    title,
    lead: `<p class="lead">${html(capital(metric.title))} on ${images} ${test ? 'test' : 'training'} samples when one group of channels is thinned and all others stay whole. With nothing removed it is ${inMetric(metric, whole)}.</p>`,
    sections: [{ title: `${capital(metric.title)} per group`, body: charts([sensitivityChart(points)]) }],
  });
}
