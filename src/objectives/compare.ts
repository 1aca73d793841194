/** Which of two networks is better, by the first metric of their objective. */
import type { Figures, Metric, Objective } from './types.js';

/** What classifiers are compared by. */
export const ACCURACY: Metric = { name: 'accuracy', title: 'accuracy', better: 'higher', percent: true };

/** The figures among what was measured. */
export const figuresIn = ({ loss, accuracy, byClass, metrics }: Figures): Figures => ({
  loss,
  ...(accuracy !== undefined && { accuracy }),
  ...(byClass && { byClass }),
  ...(metrics && { metrics }),
});

/** The metric by which networks are compared. */
export const headlineOf = (objective: Pick<Objective, 'metrics'> | undefined): Metric =>
  objective?.metrics[0] ?? ACCURACY;

/** A metric of some figures. */
export const metricIn = ({ accuracy, metrics }: Figures, { name }: Metric): number =>
  (name === 'accuracy' ? accuracy : metrics?.[name]) ?? Number.NaN;

/** A number of which more is better, whatever the metric. */
export const meritOf = (figures: Figures, objective: Pick<Objective, 'metrics'> | undefined): number => {
  const metric = headlineOf(objective);
  const value = metricIn(figures, metric);
  return metric.better === 'higher' ? value : -value;
};

/** Whether figures are better than those of before: of equal metrics, by the loss. */
export function isBetter(now: Figures, before: Figures, objective: Objective | undefined): boolean {
  const [is, was] = [now, before].map((figures) => meritOf(figures, objective));
  return is > was || (is === was && now.loss < before.loss);
}
