/** Learning a class for every pixel, position or token: `y` has its number, and one below 0 or `ignore` where none counts. */
import { fail } from '../base/index.js';
import { call, input } from '../graph/index.js';
import { floatTensor, sizeOf } from '../onnx/index.js';
import { expand, logSoftmax, pointwise, reshape, total } from './emit.js';
import { logSum } from './plain-losses.js';
import { groupsAlong, peak, sampleOf, share } from './tallies.js';
import { onlyHead, targetsFor } from './targets.js';
import type { Metric, Objective } from './types.js';

const METRICS: readonly Metric[] = [
  { name: 'accuracy of positions', title: 'accuracy of positions', better: 'higher', percent: true },
  { name: 'mean IoU', title: 'mean IoU over the classes', better: 'higher', percent: true },
];

/** Where a sample is but one position. */
const OF_SAMPLES = [{ ...METRICS[0], title: 'accuracy' }, METRICS[1]];

/** What labels of unknown pixels are called in most data sets. */
export const IGNORED = 255;

/** `shape`: of the targets of one sample. */
export function dense(shape: readonly number[], ignore = IGNORED): Objective {
  const size = sizeOf(shape);
  const counts = (label: number) => label >= 0 && label !== ignore;
  const valid = (values: Float32Array) => values.reduce((sum, label) => sum + (counts(label) ? 1 : 0), 0);
  return {
    name: 'dense',
    title: 'a class for every position',
    metrics: shape.length === 0 ? OF_SAMPLES : METRICS,
    settings: { shape, ignore },
    loss: (graph) => ({
      goal: {
        // The loss of a sample is the mean over its positions that count; its share of the batch is their number.
        emit({ tape, value, target }) {
          const own = value(onlyHead(graph).value);
          const like = tape.type(own).shape;
          const axis = classAxis(like.slice(1), shape) + 1;
          const flat = like.map((dim, i) => (i === axis ? 1 : dim));
          const labels = expand(tape, reshape(tape, target('y', [1, size]), flat), like);
          const numbers = tape.constant(
            floatTensor(
              [like[axis], ...like.slice(axis + 1).map(() => 1)],
              Array.from({ length: like[axis] }, (_, c) => c),
            ),
          );
          const [chosen, ignored] = [call('equal', input(1), input(2)), call('equal', input(1), ignore)];
          const loss = call('mul', call('sub', 0, input(0)), call('mul', chosen, call('sub', 1, ignored)));
          const losses = pointwise(tape, loss, [logSoftmax(tape, own, [axis]), labels, numbers]);
          return pointwise(tape, call('div', input(0), call('max', input(1), 1)), [
            total(tape, losses),
            target('counted', [1]),
          ]);
        },
      },
    }),
    targets(batch) {
      const rows = Float32Array.from({ length: batch.count }, (_, i) =>
        valid(sampleOf(batch.targets!.y, i, size)),
      );
      const { arrays, shares } = targetsFor(batch, (i) => rows[i]);
      return { arrays: { ...arrays, counted: rows }, shares };
    },
    check() {},
    reads: (graph) => [onlyHead(graph).value],
    judge(graph, shapes) {
      const { value } = onlyHead(graph);
      const own = shapes.get(value)!;
      const axis = classAxis(own, shape);
      const { starts, steps } = groupsAlong(own, [axis]);
      const right = share();
      const [both, either] = [0, 1].map(() => new Float64Array(own[axis]));
      let [loss, positions, notFinite] = [0, 0, 0];
      return {
        add(answers, { targets, count }) {
          for (let i = 0; i < count; i++) {
            const [is, should] = [sampleOf(answers[value], i, sizeOf(own)), sampleOf(targets!.y, i, size)];
            let sum = 0;
            for (const [p, start] of starts.entries()) {
              const label = should[p];
              if (!counts(label)) continue;
              if (label >= own[axis])
                fail(
                  `y contains the class ${label} but the model has only ${own[axis]} classes; use a model with more, or correct y.`,
                );
              const best = peak(is, start, steps);
              sum += logSum(is, start, steps) - is[start + steps[label]];
              right.add(best === label);
              positions++;
              if (best === label) both[label]++;
              else either[best]++;
              either[label]++;
            }
            loss += sum;
            notFinite += Number.isFinite(sum) ? 0 : 1;
          }
        },
        figures() {
          const seen = [...either.keys()].filter((c) => either[c] > 0);
          const iou = seen.reduce((sum, c) => sum + both[c] / either[c], 0) / seen.length;
          const metrics = { 'accuracy of positions': right.value(), 'mean IoU': iou };
          return { loss: loss / positions, metrics, notFinite };
        },
      };
    },
  };
}

/** The axis of an output that counts classes: without it the output has the shape of the targets. */
function classAxis(output: readonly number[], targets: readonly number[]): number {
  const fits = (axis: number) => `${output.filter((_, i) => i !== axis)}` === `${targets}`;
  const axis = output.findIndex((_, i) => fits(i));
  return axis >= 0
    ? axis
    : fail(
        `The output is [${output.join(', ')}] for a sample but y is [${targets.join(', ')}]; y needs the shape of the output without the axis of the classes.`,
      );
}
