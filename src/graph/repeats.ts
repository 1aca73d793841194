/**
 * Whether a value that does not depend on the inputs holds the same numbers for every sample of a run: where a shape says how
 * many samples there are, constants are repeated for each, as position embeddings are.
 */
import { sizeOf, type Tensor } from '../onnx/index.js';
import type { CoreNode, CoreOptions, Type } from './core.js';

export interface Repetition {
  producers: ReadonlyMap<string, CoreNode>;
  type: (name: string) => Type;
  /** Samples of the run. */
  count: number;
}

/**
 * Whether the element at position p (row-major) is that at p mod `stride`, within every `count`·`stride` elements. Where that
 * cannot be told from how the value is made, it is taken not to be.
 */
export function repeats(value: string, stride: number, around: Repetition): boolean {
  const { producers, type, count } = around;
  const { shape, constant } = type(value);
  if (sizeOf(shape) <= 1) return true;
  if (constant) return dataRepeat(constant.data, stride, count);
  const node = producers.get(value);
  const [input] = node?.inputs ?? [];
  switch (node?.op) {
    case 'reshape':
      return repeats(input, stride, around);
    case 'elementwise':
    case 'expand':
      return node.inputs.every((operand) => operandRepeats(operand, { shape, stride }, around));
    case 'positions': {
      const inner = sizeOf(shape.slice(2));
      const period = stride / inner;
      return Number.isInteger(period) && listRepeats(node.options as CoreOptions['positions'], period, count);
    }
    default:
      return false;
  }
}

function dataRepeat(data: Tensor['data'], stride: number, count: number): boolean {
  for (let i = 0; i < data.length; i++)
    if (data[i] !== data[i - (Math.floor(i / stride) % count) * stride]) return false;
  return true;
}

/** An operand that is broadcast to a result of this shape. */
function operandRepeats(
  operand: string,
  { shape, stride }: { shape: readonly number[]; stride: number },
  around: Repetition,
): boolean {
  const own = around.type(operand).shape;
  // The axes from the last on, until their elements are as many as lie between samples.
  let [axis, within] = [1, 1];
  while (axis <= shape.length && within * shape[shape.length - axis] <= stride) {
    within *= shape[shape.length - axis];
    axis++;
  }
  if (within !== stride) return false;
  const before = own.slice(0, Math.max(0, own.length - axis + 1));
  return before.every((dim) => dim === 1) || repeats(operand, sizeOf(own.slice(before.length)), around);
}

/** Whether every `period` positions are summed from the same places as the first of `count` periods. */
function listRepeats(
  { start, from, weight }: CoreOptions['positions'],
  period: number,
  count: number,
): boolean {
  const positions = start.length - 1;
  if (positions % (period * count) !== 0) return false;
  for (let q = 0; q < positions; q++) {
    const first = q - (Math.floor(q / period) % count) * period;
    const length = start[q + 1] - start[q];
    if (start[first + 1] - start[first] !== length) return false;
    for (let k = 0; k < length; k++)
      if (from[start[q] + k] !== from[start[first] + k] || weight[start[q] + k] !== weight[start[first] + k])
        return false;
  }
  return true;
}
