/** Learning numbers: `y` has one for every number of the output. */
import { fail } from '../base/index.js';
import { sizeOf } from '../onnx/index.js';
import { absolutes, hubers, mean, reshape, squares } from './emit.js';
import { sampleOf, spreadOf } from './tallies.js';
import { onlyHead, targetsFor } from './targets.js';
import type { Metric, Objective } from './types.js';

export const regressionLosses = ['squared', 'absolute', 'huber'] as const;
export type RegressionLoss = (typeof regressionLosses)[number];

const METRICS: readonly Metric[] = [
  { name: 'rmse', title: 'root mean square error', better: 'lower' },
  { name: 'mae', title: 'mean absolute error', better: 'lower' },
  { name: 'r2', title: 'explained variance (R²)', better: 'higher' },
];

/** Where Huber's loss goes from a square to a line. */
const DELTA = 1;

const lossOf: Record<RegressionLoss, (off: number) => number> = {
  squared: (off) => off * off,
  absolute: Math.abs,
  huber: (off) => (Math.abs(off) > DELTA ? DELTA * (Math.abs(off) - DELTA / 2) : (off * off) / 2),
};

/** `shape`: of the targets of one sample. */
export function regression(shape: readonly number[], loss: RegressionLoss = 'squared'): Objective {
  const size = sizeOf(shape);
  return {
    name: 'regression',
    title: `regression by the ${loss} error`,
    metrics: METRICS,
    settings: { shape, loss },
    loss: (graph) => ({
      goal: {
        emit({ tape, value, target }) {
          const own = value(onlyHead(graph).output);
          const like = tape.type(own).shape;
          if (sizeOf(like) !== size)
            fail(
              `The model outputs ${sizeOf(like)} numbers but y has ${size} for a sample ([${shape.join(', ')}]); give as many.`,
            );
          const should = reshape(tape, target('y', [1, size]), like);
          if (loss === 'squared') return mean(tape, squares(tape, own, should));
          return mean(
            tape,
            loss === 'absolute' ? absolutes(tape, own, should) : hubers(tape, own, should, DELTA),
          );
        },
      },
    }),
    targets: (batch) => targetsFor(batch),
    check() {},
    reads: (graph) => [onlyHead(graph).output],
    judge(graph) {
      const { output } = onlyHead(graph);
      const spread = spreadOf(size);
      let [sum, absolute, samples, notFinite, all, own] = [0, 0, 0, 0, 0, 0];
      return {
        add(answers, { targets, count }) {
          for (let i = 0; i < count; i++) {
            const [is, should] = [answers[output], targets!.y].map((values) => sampleOf(values, i, size));
            spread.add(is, should);
            let loss_ = 0;
            for (let k = 0; k < size; k++) {
              loss_ += lossOf[loss](is[k] - should[k]);
              absolute += Math.abs(is[k] - should[k]);
              all += should[k];
              own += should[k] ** 2;
            }
            sum += loss_ / size;
            notFinite += Number.isFinite(loss_) ? 0 : 1;
          }
          samples += count;
        },
        figures() {
          const count = spread.count();
          const variation = own - all ** 2 / count;
          const metrics = {
            rmse: Math.sqrt(spread.squares() / count),
            mae: absolute / count,
            r2: variation > 0 ? 1 - spread.squares() / variation : Number(spread.squares() === 0),
          };
          return { loss: sum / samples, metrics, notFinite };
        },
      };
    },
  };
}
