/** Weighted sums over positions, from a table. */
import { sizeOf } from '../../onnx/index.js';
import type { CoreOptions } from '../core.js';
import { alongFirst } from './apart.js';
import { at, filled } from './compute.js';
import { type CoreOperator, type Derivatives, like, meansNothing } from './operator.js';
import { linear } from './tangents.js';

export const positions: CoreOperator<'positions'> = {
  types({ start }, inputs) {
    const [rows, , inner] = inputs[0].shape;
    return [like(inputs, [rows, start.length - 1, inner])];
  },
  verify(must, { start, from, weight }, [x]) {
    must(x.length === 3 && from.length === weight.length, 'the table does not fit');
    must(start[0] === 0 && start[start.length - 1] === from.length, 'the table does not fit');
    must(
      from.every((i) => i >= 0 && i < x[1]),
      'the table names positions that are not there',
    );
  },
  ofNothing: meansNothing,
  work: ({ from }, [x], [y]) => x[0] * x[2] * from.length + sizeOf(y),
  samples: (call) => alongFirst(call, (found) => (found.axis === 1 ? 'unknown' : found)),
  compute({ inputs: [x], outputs, options, count }) {
    const [rows, size, inner] = x.shape;
    const { start, from, weight } = options;
    const length = start.length - 1;
    return [
      filled(outputs[0], count, (out, s) => {
        const values = at(x, s);
        for (let r = 0; r < rows; r++) {
          for (let q = 0; q < length; q++) {
            for (let k = start[q]; k < start[q + 1]; k++) {
              for (let i = 0; i < inner; i++) {
                out[(r * length + q) * inner + i] += weight[k] * values[(r * size + from[k]) * inner + i];
              }
            }
          }
        }
      }),
    ];
  },
};

export const positionsDerivatives: Derivatives<'positions'> = {
  gradient(t, node, dy) {
    return [t.emit('positions', [dy], transposePositions(node.options, t.type(node.inputs[0]).shape[1]))[0]];
  },
  tangent: linear,
};

/** The transpose of a sparse matrix in compressed rows. */
export function transposePositions(o: CoreOptions['positions'], columns: number): CoreOptions['positions'] {
  const start = new Int32Array(columns + 1);
  for (const column of o.from) start[column + 1]++;
  for (let i = 0; i < columns; i++) start[i + 1] += start[i];
  const next = start.slice();
  const from = new Int32Array(o.from.length);
  const weight = new Float32Array(o.from.length);
  for (let row = 0; row + 1 < o.start.length; row++) {
    for (let k = o.start[row]; k < o.start[row + 1]; k++) {
      const place = next[o.from[k]]++;
      from[place] = row;
      weight[place] = o.weight[k];
    }
  }
  return { start, from, weight };
}
