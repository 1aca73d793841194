/** What settings are stopped by, in rounds or asynchronously: figures on the validation samples. */
import { headlineOf, type Metric, metricIn } from '../../objectives/index.js';
import { readJson, readMetrics, runFolder } from '../folder.js';
import type { MetricsLine } from '../summary.js';
import type { Cell, StudyRun } from './study.js';

/** A setting that was stopped: after so many epochs, with the mean of its seeds on the validation samples. */
export interface Stopped {
  cell: Cell;
  epoch: number;
  value: number;
}

/** How good a run was on its validation samples after an epoch; undefined where it has not come so far. */
export async function validationAt(
  { path }: StudyRun,
  epoch: number,
): Promise<{ value: number; better: Metric['better'] } | undefined> {
  const folder = runFolder(path);
  const lines = await readMetrics(folder);
  const line = lines.find(
    (one): one is MetricsLine & { kind: 'epoch' } => one.kind === 'epoch' && one.epoch === epoch,
  );
  if (!line?.validation) return undefined;
  const kept = (await readJson(folder.measured)) as { metrics: Metric[] } | undefined;
  const metric = headlineOf(kept);
  return { value: metricIn(line.validation, metric), better: metric.better };
}
