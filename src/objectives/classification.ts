/**
 * Learning a class for every sample: cross-entropy of the labels, and a teacher's answers beside them.
 *
 * A label's rank is the number of classes put before it; equal numbers go to the lower class, and a NaN goes before everything, so that a
 * broken network is never right.
 */
import { fail } from '../base/index.js';
import type { Split } from '../data/index.js';
import type { Teacher } from '../engine/index.js';
import { type Graph, sizeOf } from '../onnx/index.js';
import { ACCURACY } from './compare.js';
import { type Scale, scaleOf, trainingGraph } from './logits.js';
import { sampleOf } from './tallies.js';
import type { ByClass, Judge, Objective } from './types.js';

/** From so many classes on the five highest outputs are looked at. */
const TOP5_FROM = 10;

/** Options of {@link classification}. */
export interface ClassificationOptions {
  /** Fraction of the label's weight that is shared among all classes, from 0 to below 1. Default 0. */
  labelSmoothing?: number;
  /** By how much the gradients of a sample count, by its class; the loss that is told stays without. Default 1 for all. */
  classWeights?: readonly number[];
  /** A model to learn from besides the labels. At weight 1 samples may be without labels: −1. */
  teacher?: Teacher;
}

/** Makes the objective of classifiers: cross-entropy, compared by accuracy. */
export function classification({
  labelSmoothing,
  classWeights,
  teacher,
}: ClassificationOptions = {}): Objective {
  return {
    name: 'classification',
    title: 'a class for every sample',
    metrics: [ACCURACY],
    settings: { labelSmoothing, classWeights },
    labelled: true,
    withExtras: (extras) => classification(extras),
    form: trainingGraph,
    loss(graph, use) {
      if (use === 'scoring') return {};
      if (scaleOf(graph) !== 'logits')
        fail(
          'The model ends in a Softmax, but training needs the logits before it; load trainingGraph(model).',
        );
      const taught = teacher && { ...teacher, graph: trainingGraph(teacher.graph) };
      return { labelSmoothing, classWeights, teacher: taught };
    },
    targets: ({ labels }) => labels,
    check: (split, { graph }, shapes) => checkLabels(split, sizeOf(shapes.get(onlyOutput(graph))!)),
    reads: (graph) => [onlyOutput(graph)],
    judge(graph, shapes) {
      const output = onlyOutput(graph);
      return judgeOf(output, scaleOf(graph), sizeOf(shapes.get(output)!));
    },
  };
}

/** @throws UserError when there are several. */
function onlyOutput(graph: Graph): string {
  scaleOf(graph);
  return graph.outputs[0].name;
}

function checkLabels({ labels }: Split, classes: number): void {
  const highest = labels.reduce((most, label) => Math.max(most, label), 0);
  if (highest >= classes)
    fail(
      `The model has ${classes} classes but the data have ${highest + 1}; use a model made for these data.`,
    );
}

function judgeOf(output: string, scale: Scale, classes: number): Judge {
  const byClass: ByClass = { samples: Array(classes).fill(0), right: Array(classes).fill(0) };
  let [loss, first, five, samples, notFinite] = [0, 0, 0, 0, 0];
  return {
    add(answers, { labels, count }) {
      for (let i = 0; i < count; i++) {
        const row = sampleOf(answers[output], i, classes);
        const rank = rankOf(row, labels[i]);
        const own = lossOf[scale](row, labels[i]);
        loss += own;
        notFinite += Number.isFinite(own) ? 0 : 1;
        first += rank === 0 ? 1 : 0;
        five += rank < 5 ? 1 : 0;
        byClass.samples[labels[i]] += 1;
        byClass.right[labels[i]] += rank === 0 ? 1 : 0;
      }
      samples += count;
    },
    figures: () => ({
      loss: loss / samples,
      accuracy: first / samples,
      ...(classes >= TOP5_FROM && { top5: five / samples }),
      ...{ byClass, notFinite },
    }),
  };
}

function rankOf(row: Float32Array, label: number): number {
  const own = row[label];
  let rank = 0;
  for (let k = 0; k < row.length; k++) {
    const behind = k === label || (k < label ? row[k] < own : row[k] <= own);
    if (!behind) rank++;
  }
  return Number.isNaN(own) ? row.length : rank;
}

const SMALLEST = 2 ** -126;

const lossOf: Record<Scale, (row: Float32Array, label: number) => number> = {
  logits(row, label) {
    const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
    return most - row[label] + Math.log(row.reduce((sum, x) => sum + Math.exp(x - most), 0));
  },
  probabilities: (row, label) => -Math.log(Math.max(row[label], SMALLEST)),
  'log-probabilities': (row, label) => -row[label],
};
