/** Products of matrices with equal leading dimensions. */
import { sizeOf } from '../../onnx/index.js';
import { agreed, axisOf } from './apart.js';
import { same } from './check.js';
import { at, filled } from './compute.js';
import { type CoreOperator, type Derivatives, like } from './operator.js';
import { bilinear } from './tangents.js';

export const matmul: CoreOperator<'matmul'> = {
  types(_, inputs) {
    const [a, b] = inputs;
    return [like(inputs, [...a.shape.slice(0, -1), b.shape[b.shape.length - 1]])];
  },
  verify(must, _, [a, b]) {
    must(a.length >= 2 && same(a.slice(0, -2), b.slice(0, -2)), 'the leading dimensions differ');
    must(a[a.length - 1] === b[b.length - 2], 'columns and rows differ');
  },
  ofNothing: () => 0,
  work: (_, [a], [y]) => sizeOf(y) * a[a.length - 1],
  samples(call) {
    const { operands, count, result } = call;
    const rank = result.length;
    const inner = operands.some(({ shape, apart }, operand) => {
      const found = typeof apart === 'number' ? axisOf(shape, apart, count) : undefined;
      return found?.axis === (operand === 0 ? rank - 1 : rank - 2);
    });
    return inner ? 'meet' : agreed(call, (found) => found);
  },
  compute({ inputs: [a, b], outputs, count }) {
    const [rows, inner] = a.shape.slice(-2);
    const columns = b.shape[b.shape.length - 1];
    return [
      filled(outputs[0], count, (out, s) => {
        const [left, right] = [at(a, s), at(b, s)];
        for (let k = 0; k < out.length; k++) {
          const row = Math.floor(k / columns);
          const start = Math.floor(row / rows) * inner * columns + (k % columns);
          for (let i = 0; i < inner; i++) out[k] += left[row * inner + i] * right[start + i * columns];
        }
      }),
    ];
  },
};

export const matmulDerivatives: Derivatives<'matmul'> = {
  gradient(t, node, dy, wants) {
    const [a, b] = node.inputs;
    const rank = t.type(a).shape.length;
    const order = Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
    const flip = (name: string) => t.emit('transpose', [name], { order })[0];
    return [
      wants[0] ? t.emit('matmul', [dy, flip(b)], {})[0] : undefined,
      wants[1] ? t.emit('matmul', [flip(a), dy], {})[0] : undefined,
    ];
  },
  tangent: bilinear,
};
