/** A loss that the model computes itself: an output with one number for a sample. What it is compared with comes in as inputs. */
import { fail } from '../base/index.js';
import { sizeOf } from '../onnx/index.js';
import { reshape } from './emit.js';
import { onlyHead } from './targets.js';
import type { Metric, Objective } from './types.js';

const METRICS: readonly Metric[] = [
  { name: 'loss in the graph', title: 'loss that the model computes', better: 'lower' },
];

export function inGraph(): Objective {
  return {
    name: 'loss',
    title: 'the loss that the model computes',
    metrics: METRICS,
    settings: {},
    loss: (graph) => ({
      goal: {
        emit({ tape, value }) {
          const { output } = onlyHead(graph);
          const own = value(output);
          const { shape } = tape.type(own);
          refuseSeveral(output, shape.slice(1));
          return reshape(tape, own, [1]);
        },
      },
    }),
    targets: ({ count }) => ({ arrays: {}, shares: new Float32Array(count).fill(1 / count) }),
    check() {},
    reads: (graph) => [onlyHead(graph).output],
    judge(graph, shapes) {
      const { output } = onlyHead(graph);
      refuseSeveral(output, shapes.get(output)!);
      let [sum, samples, notFinite] = [0, 0, 0];
      return {
        add(answers, { count }) {
          for (const loss of answers[output].subarray(0, count)) {
            sum += loss;
            notFinite += Number.isFinite(loss) ? 0 : 1;
          }
          samples += count;
        },
        figures: () => ({
          loss: sum / samples,
          metrics: { 'loss in the graph': sum / samples },
          notFinite,
        }),
      };
    },
  };
}

/** `shape`: of an output for one sample. @throws UserError where it is more than one number. */
function refuseSeveral(output: string, shape: readonly number[]): void {
  if (sizeOf(shape) !== 1)
    fail(
      `The output ${output} is [${shape.join(', ')}] for a sample, but a loss is one number; take its mean over every axis but the first.`,
    );
}
