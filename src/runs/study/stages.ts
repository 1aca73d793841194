/**
 * Accuracies along a run of several stages, so that a table can tell what its trainings before the cut were good for from
 * what fine-tuning made good.
 */
import { ACCURACY, headlineOf, metricIn } from '../../objectives/index.js';
import { type Summary, stagesOf } from '../summary.js';
import { type Statistics, statisticsOf } from './statistics.js';

/** When a network was measured: `before` anything; after the training on all channels, or on those that will go; after the cut; … */
export const measuredWhen = [
  'before',
  'sparse',
  'marked',
  'pruned',
  'recalibrated',
  'reconstructed',
  'fine-tune',
] as const;
export type MeasuredWhen = (typeof measuredWhen)[number];

/** On the test images. */
export interface StageAccuracy {
  when: MeasuredWhen;
  /** Or the metric of the run's objective. */
  accuracy: number;
}

/** The same over the seeds of a cell. */
export interface StageFigures {
  when: MeasuredWhen;
  accuracy: Statistics;
}

/** In the order of the run, of several rounds all; undefined for a run without stages. */
export function stageAccuracies(summary: Summary): StageAccuracy[] | undefined {
  const { accuracy, metrics, objective } = summary;
  const stages = stagesOf(summary);
  if (stages.length === 0) return undefined;
  const metric = headlineOf(objective);
  const along = stages.map(({ stage, what, ...figures }) => ({
    when: (what === 'trained' ? stage.replace(/^\d+-/, '') : what) as MeasuredWhen,
    accuracy: metricIn(figures, metric),
  }));
  const before = (metric === ACCURACY ? accuracy : metrics?.[metric.name])?.before;
  return before === undefined ? along : [{ when: 'before', accuracy: before }, ...along];
}

/** Of several rounds the last, and without the run's end; undefined where no run has any. */
export function stageFigures(
  runs: readonly { stages?: readonly StageAccuracy[] }[],
): StageFigures[] | undefined {
  const along = runs.flatMap(({ stages }) => (stages ? [stages.slice(0, -1)] : []));
  if (along.length === 0) return undefined;
  return measuredWhen.flatMap((when) => {
    const found = along.flatMap((stages) => stages.findLast((stage) => stage.when === when)?.accuracy ?? []);
    return found.length > 0 ? [{ when, accuracy: statisticsOf(found) }] : [];
  });
}
