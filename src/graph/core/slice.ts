/** Elements from a start by steps along every axis, backwards too. */
import { sizeOf } from '../../onnx/index.js';
import type { Build } from '../core.js';
import { mostElements } from '../shapes.js';
import { alongFirst } from './apart.js';
import { isCount } from './check.js';
import { moved, offsets, strides } from './compute.js';
import { type CoreOperator, type Derivatives, like, meansNothing, touched } from './operator.js';
import { linear } from './tangents.js';

export const slice: CoreOperator<'slice'> = {
  types: ({ sizes }, inputs) => [like(inputs, sizes)],
  verify(must, { starts, steps, sizes }, [x]) {
    must(
      [starts, steps, sizes].every(({ length }) => length === x.length),
      'not every axis is named',
    );
    const inside = x.every((dim, i) => {
      const ends = [starts[i], starts[i] + (sizes[i] - 1) * steps[i]];
      return sizes[i] === 0 || (Number.isInteger(steps[i]) && ends.every((at) => isCount(at) && at < dim));
    });
    must(
      inside || sizeOf(sizes) === 0,
      `from [${starts}] by [${steps}], [${sizes}] elements are not all there`,
    );
    must(
      steps.every((step) => Math.abs(step) <= mostElements),
      `steps of [${steps}]`,
    );
  },
  ofNothing: meansNothing,
  work: touched,
  samples: (call) =>
    alongFirst(call, (found) => {
      const { axis, inner } = found;
      const { starts, steps, sizes } = call.options;
      const size = call.operands[0].shape[axis];
      if (starts[axis] === 0 && steps[axis] === 1 && sizes[axis] === size) return found;
      return size === call.count && inner === 1 ? 'meet' : 'unknown';
    }),
  compute(call) {
    const steps = strides(call.inputs[0].shape);
    const { starts, steps: by, sizes } = call.options;
    const start = starts.reduce((sum, from, i) => sum + from * steps[i], 0);
    return moved(
      call,
      offsets(
        sizes,
        by.map((n, i) => n * steps[i]),
        start,
      ),
    );
  },
};

export const sliceDerivatives: Derivatives<'slice'> = {
  gradient(t, node, dy) {
    const { starts, steps, sizes } = node.options;
    return [unslice(t, dy, t.type(node.inputs[0]).shape, starts, steps, sizes)];
  },
  tangent: linear,
};

/** The transpose of a slice: the elements back at their places among zeros. */
function unslice(
  t: Build,
  dy: string,
  shape: readonly number[],
  starts: readonly number[],
  steps: readonly number[],
  sizes: readonly number[],
): string {
  let value = dy;
  let at = starts;
  if (steps.some((s) => s < 0)) {
    const mirrored = {
      starts: sizes.map((n, i) => (steps[i] < 0 ? n - 1 : 0)),
      steps: steps.map(Math.sign),
      sizes,
    };
    value = t.emit('slice', [value], mirrored)[0];
    at = starts.map((s, i) => (steps[i] < 0 ? s + (sizes[i] - 1) * steps[i] : s));
  }
  const gaps = steps.map((s, i) => (sizes[i] > 1 ? Math.abs(s) : 1));
  if (gaps.some((g) => g > 1)) value = spaced(t, value, sizes, gaps);
  const extent = sizes.map((n, i) => (n - 1) * gaps[i] + 1);
  const after = shape.map((d, i) => d - at[i] - extent[i]);
  return at.every((s) => s === 0) && after.every((a) => a === 0)
    ? value
    : t.emit('pad', [value], { before: at, after, value: 0 })[0];
}

/** Puts gaps[i]−1 zeros between neighbours along axis i: [n] → [n, 1] → pad [n, g] → [n·g] → cut the tail. */
function spaced(t: Build, value: string, sizes: readonly number[], gaps: readonly number[]): string {
  const paired = t.emit('reshape', [value], { shape: sizes.flatMap((n) => [n, 1]) })[0];
  const after = gaps.flatMap((g) => [0, g - 1]);
  const padded = t.emit('pad', [paired], { before: after.map(() => 0), after, value: 0 })[0];
  const joined = t.emit('reshape', [padded], { shape: sizes.map((n, i) => n * gaps[i]) })[0];
  return t.emit('slice', [joined], {
    starts: sizes.map(() => 0),
    steps: sizes.map(() => 1),
    sizes: sizes.map((n, i) => (n - 1) * gaps[i] + 1),
  })[0];
}
