/** Rows of a table. */
import { sizeOf } from '../../onnx/index.js';
import { at, filled } from './compute.js';
import { type CoreOperator, type Derivatives, like, meansNothing, touched } from './operator.js';
import { linear } from './tangents.js';

export const gather: CoreOperator<'gather'> = {
  types(_, inputs) {
    const [table, indices] = inputs;
    return [like(inputs, [indices.shape[0], table.shape[1]])];
  },
  verify: (must, _, [x, indices]) => must(x.length === 2 && indices.length === 1 && x[0] > 0, 'no table'),
  ofNothing: meansNothing,
  work: touched,
  samples({ operands: [table, indices], result }) {
    const { apart } = indices;
    if (table.apart !== undefined || typeof apart !== 'number') return 'unknown';
    return apart * sizeOf(result.slice(1));
  },
  compute({ inputs: [x, indices], outputs, count }) {
    const width = x.shape[1];
    return [
      filled(outputs[0], count, (out, s) => {
        at(indices, s).forEach((row, i) => {
          out.set(at(x, s).subarray(row * width, (row + 1) * width), i * width);
        });
      }),
    ];
  },
};

export const gatherDerivatives: Derivatives<'gather'> = {
  gradient(t, node, dy) {
    const [table, indices] = node.inputs;
    return [t.emit('scatterSum', [dy, indices], { rows: t.type(table).shape[0] })[0], undefined];
  },
  tangent: linear,
};
