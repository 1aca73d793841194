/** Learning truths of their own: `y` has a 0 or 1 for every number of the output, which are logits or end in a Sigmoid. */
import { fail } from '../base/index.js';
import { sizeOf } from '../onnx/index.js';
import { binaryEntropies, mean, reshape } from './emit.js';
import { binaryEntropy } from './plain-losses.js';
import { sampleOf } from './tallies.js';
import { onlyHead, targetsFor } from './targets.js';
import type { Metric, Objective } from './types.js';

const METRICS: readonly Metric[] = [
  { name: 'mAP', title: 'mean average precision', better: 'higher', percent: true },
  { name: 'F1', title: 'F1 at 0.5, mean over the labels', better: 'higher', percent: true },
];

/** `shape`: of the targets of one sample. */
export function multiLabel(shape: readonly number[]): Objective {
  const size = sizeOf(shape);
  return {
    name: 'multi-label',
    title: 'a yes or no for every label',
    metrics: METRICS,
    settings: { shape },
    loss: (graph) => ({
      goal: {
        emit({ tape, value, target }) {
          const own = value(onlyHead(graph).value);
          const like = tape.type(own).shape;
          if (sizeOf(like) !== size)
            fail(
              `The model outputs ${sizeOf(like)} numbers but y has ${size} for a sample; give a 0 or 1 for each.`,
            );
          return mean(tape, binaryEntropies(tape, own, reshape(tape, target('y', [1, size]), like)));
        },
      },
    }),
    targets: (batch) => targetsFor(batch),
    check() {},
    reads: (graph) => [onlyHead(graph).value],
    judge(graph) {
      const { value } = onlyHead(graph);
      const scored: { score: number; truth: boolean }[][] = Array.from({ length: size }, () => []);
      let [loss, samples, notFinite] = [0, 0, 0];
      return {
        add(answers, { targets, count }) {
          for (let i = 0; i < count; i++) {
            const [is, should] = [answers[value], targets!.y].map((values) => sampleOf(values, i, size));
            let sum = 0;
            for (let k = 0; k < size; k++) {
              sum += binaryEntropy(is[k], should[k]);
              scored[k].push({ score: is[k], truth: should[k] > 0.5 });
            }
            loss += sum / size;
            notFinite += Number.isFinite(sum) ? 0 : 1;
          }
          samples += count;
        },
        figures() {
          const known = scored.filter((rows) => rows.some(({ truth }) => truth));
          const over = (of: (rows: (typeof scored)[number]) => number) =>
            known.reduce((sum, rows) => sum + of(rows), 0) / known.length;
          return { loss: loss / samples, metrics: { mAP: over(averagePrecision), F1: over(f1) }, notFinite };
        },
      };
    },
  };
}

type Rows = readonly { score: number; truth: boolean }[];

/** The mean precision at the ranks of the samples that have the label; equal scores share their precision. */
export function averagePrecision(rows: Rows): number {
  const order = [...rows].sort((a, b) => b.score - a.score);
  let [right, sum, seen] = [0, 0, 0];
  while (seen < order.length) {
    const { score } = order[seen];
    let found = 0;
    while (seen < order.length && order[seen].score === score) found += order[seen++].truth ? 1 : 0;
    right += found;
    sum += found * (right / seen);
  }
  return sum / right;
}

function f1(rows: Rows): number {
  const count = (of: (row: Rows[number]) => boolean) => rows.filter(of).length;
  const right = count(({ score, truth }) => score > 0 && truth);
  return (2 * right) / (count(({ score }) => score > 0) + count(({ truth }) => truth));
}
