/** The figures of a run that people compare. */
import { bytes, count, large, own, percent } from '../base/index.js';
import { ACCURACY, headlineOf, type Metric } from '../objectives/index.js';
import type { Change, Summary } from '../runs/index.js';
import { inMetric } from './words.js';

export interface Row {
  what: string;
  before: string;
  after: string;
  target: string;
}

function row(what: string, { before, after, target }: Change, say: (n: number) => string): Row {
  return {
    what,
    before: before === undefined ? '–' : say(before),
    after: say(after),
    target: target === undefined ? '' : say(target),
  };
}

/** The rows of a summary that people compare. Where channels were removed and no weight is zero, nothing is said of zeros. */
export function rows(summary: Summary): Row[] {
  const { channels, latency, prunable, sparsity } = summary;
  const zeros = !channels || sparsity.after > 0 || (sparsity.before ?? 0) > 0;
  const emptied = prunable.emptied.length;
  const ofZeros = (...all: Row[]) => (zeros ? all : []);
  return [
    ...(summary.accuracy ? [row('accuracy (test)', summary.accuracy, percent)] : []),
    ...ofMetrics(summary),
    ...(summary.loss ? [row('loss (test)', summary.loss, (x) => x.toFixed(4))] : []),
    ...(channels ? [row('channels', channels.units, count)] : []),
    ...ofZeros(
      row('sparsity', sparsity, percent),
      row('sparsity, biases included', summary.sparsityWithBiases, percent),
      row('sparsity, dead units as zeros', summary.effectiveSparsity, percent),
      row(`dead units (of ${count(summary.deadUnits.of)})`, summary.deadUnits, count),
    ),
    ...(emptied ? [row('layers without weights', { after: emptied }, count)] : []),
    ...(prunable.held ? [row('layers with one weight left', { after: prunable.held.length }, count)] : []),
    row('parameters', summary.params, count),
    ...ofZeros(row('parameters, non-zero', summary.nonzero, count)),
    row('MACs', summary.macs, large),
    ...ofZeros(
      row('MACs, non-zero weights', summary.effectiveMacs, large),
      row('MACs, without dead units', summary.liveMacs, large),
    ),
    ...(latency ? [row('latency, onnxruntime', latency, (ms) => `${ms.toPrecision(3)} ms`)] : []),
    row('bytes', summary.bytes.raw, bytes),
    row('bytes, gzip', summary.bytes.gzip, bytes),
  ];
}

/** The metric that compares networks, and how it changed; undefined where nothing was measured. */
export function headline(summary: Summary): { metric: Metric; change: Change } | undefined {
  const metric = headlineOf(summary.objective);
  const change = metric === ACCURACY ? summary.accuracy : summary.metrics?.[metric.name];
  return change && { metric, change };
}

/** The metrics of an objective that is not classification. */
const ofMetrics = ({ objective, metrics = {} }: Summary): Row[] =>
  (objective?.metrics ?? []).flatMap((metric) => {
    const change = own(metrics, metric.name);
    return change ? [row(`${metric.title} (test)`, change, (value) => inMetric(metric, value))] : [];
  });

/** Of layers that would have lost all their weights. */
export const heldAtOne = (layers: readonly string[]): string =>
  `The ranking would have removed every weight of ${listed(layers)}. One weight is kept in each such layer; use --allow-empty to remove it too.`;

const NAMED = 5;

const listed = (names: readonly string[]): string =>
  names.length <= NAMED
    ? names.join(', ')
    : `${names.slice(0, NAMED).join(', ')} and ${names.length - NAMED} more`;

/** What became of a model's numbers that its file holds in 16 bits; empty where there are none. */
export const roundedTo = (narrow: readonly string[]): string =>
  narrow.length
    ? `Weights of ${narrow.join(' and ')} are stored in 16 bits: the run computed in float32 and rounded the weights when it wrote the file.`
    : '';
