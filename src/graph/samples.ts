/**
 * Where the samples of a run lie in the values of a core graph, when the graph is expanded for several of them at once.
 *
 * The sample that an element belongs to is ⌊position / stride⌋ mod count, position counted in row-major order. So a reshape changes
 * nothing, whatever axes it merges or splits, and every other operator either keeps the samples apart and says what the stride is now,
 * or lets them meet: sums over them, multiplies one with another, takes some out.
 */
import { sizeOf } from '../onnx/tensor.js';
import type { CoreName, CoreNode, CoreOptions, Type } from './core.js';
import { repeats } from './repeats.js';

/** The stride; 'meet' where an element depends on several samples, 'unknown' where no rule says. */
export type Apart = number | 'meet' | 'unknown';

type Shape = readonly number[];

interface Operand {
  name: string;
  shape: Shape;
  /** Undefined for what is the same for all samples. */
  apart: Apart | undefined;
}

interface Call<Name extends CoreName> {
  operands: Operand[];
  result: Shape;
  options: CoreOptions[Name];
  count: number;
  /** Whether an operand that is the same for all samples repeats itself for each, this many elements apart. */
  repeated: (operand: Operand, stride: number) => boolean;
}

/** An axis that holds the samples: index = (outer · count + sample) · inner + rest. */
interface SampleAxis {
  axis: number;
  inner: number;
}

/**
 * Where the samples are in every value that depends on the inputs.
 * @param inputs values whose first axis counts the samples.
 */
export function samplesIn(
  nodes: readonly CoreNode[],
  type: (name: string) => Type,
  inputs: readonly string[],
  count: number,
): Map<string, Apart> {
  const places = new Map<string, Apart>(
    inputs.map((name) => [name, sizeOf(type(name).shape) / count] as const),
  );
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const repeated = ({ name }: Operand, stride: number) => repeats(name, stride, { producers, type, count });
  for (const { op, inputs: names, outputs, options } of nodes) {
    const operands = names.map((name) => ({ name, shape: type(name).shape, apart: places.get(name) }));
    const given = operands.flatMap(({ apart }) => (apart === undefined ? [] : [apart]));
    if (given.length === 0 && op !== 'uniform') continue;
    for (const name of outputs)
      places.set(
        name,
        resultOf(given, () => {
          const call = { operands, result: type(name).shape, options, count, repeated };
          return (rules[op] as ((c: Call<CoreName>) => Apart) | undefined)?.(call) ?? 'unknown';
        }),
      );
  }
  return places;
}

function resultOf(given: readonly Apart[], rule: () => Apart): Apart {
  if (given.includes('meet')) return 'meet';
  return given.includes('unknown') ? 'unknown' : rule();
}

/** The axis that holds the samples; undefined where they do not lie along one. */
function axisOf(shape: Shape, stride: number, count: number): SampleAxis | undefined {
  let within = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const inner = stride / within;
    if (stride < within * shape[axis] && Number.isInteger(inner) && shape[axis] % (inner * count) === 0)
      return { axis, inner };
    within *= shape[axis];
  }
  return undefined;
}

const strideOf = (shape: Shape, { axis, inner }: SampleAxis): number => inner * sizeOf(shape.slice(axis + 1));

/** The axis of the first operand, and what becomes of it; 'unknown' where there is none. */
function along<Name extends CoreName>(
  { operands: [{ shape, apart }], count, result }: Call<Name>,
  move: (found: SampleAxis) => SampleAxis | 'meet' | 'unknown',
): Apart {
  const found = typeof apart === 'number' ? axisOf(shape, apart, count) : undefined;
  if (!found) return 'unknown';
  const moved = move(found);
  return typeof moved === 'string' ? moved : strideOf(result, moved);
}

/** A window that slides over [B, channels, …]; `channels` says what becomes of samples that lie along those. */
function slid<Name extends 'conv' | 'convInput' | 'maxPool'>(
  call: Call<Name>,
  channels: (found: SampleAxis) => SampleAxis | 'meet' | 'unknown',
): Apart {
  if (call.operands.slice(1).some(({ apart }) => apart !== undefined)) return 'unknown';
  const { kernel, strides, padsBefore, padsAfter } = call.options.window;
  return along(call, (found) => {
    const { axis } = found;
    if (axis === 0) return found;
    if (axis === 1) return channels(found);
    const i = axis - 2;
    const pointwise = kernel[i] === 1 && strides[i] === 1 && padsBefore[i] === 0 && padsAfter[i] === 0;
    return pointwise ? found : 'meet';
  });
}

/** What all operands that depend on samples agree on, after each was lined up with the result. */
function agreed<Name extends CoreName>(
  { operands, result, count }: Call<Name>,
  lineUp: (found: SampleAxis, operand: number) => SampleAxis,
): Apart {
  const strides = operands.flatMap(({ shape, apart }, operand) => {
    if (typeof apart !== 'number') return [];
    const found = axisOf(shape, apart, count);
    return [found && strideOf(result, lineUp(found, operand))];
  });
  if (strides.includes(undefined)) return 'unknown';
  return strides.every((stride) => stride === strides[0]) ? strides[0]! : 'meet';
}

/** As NumPy lines shapes up: at their last axes. Numbers that are not the same for every sample tell them apart by their place. */
function broadcast<Name extends CoreName>(call: Call<Name>): Apart {
  const { operands, result, count, repeated } = call;
  const stride = agreed(call, ({ axis, inner }, operand) => ({
    axis: axis + result.length - operands[operand].shape.length,
    inner,
  }));
  const found = typeof stride === 'number' ? axisOf(result, stride, count) : undefined;
  const placed = operands.some((operand) => {
    const { shape, apart } = operand;
    const axis = found && apart === undefined ? found.axis - result.length + shape.length : -1;
    if (axis < 0 || shape[axis] === 1) return false;
    return !repeated(operand, found!.inner * sizeOf(shape.slice(axis + 1)));
  });
  return placed ? 'meet' : stride;
}

const rules: { [Name in CoreName]?: (call: Call<Name>) => Apart } = {
  elementwise: broadcast,
  expand: broadcast,
  reshape: ({ operands: [{ apart }] }) => apart!,
  reduce: (call) => along(call, (found) => (call.options.axes.includes(found.axis) ? 'meet' : found)),
  transpose: (call) => along(call, ({ axis, inner }) => ({ axis: call.options.order.indexOf(axis), inner })),
  slice: (call) =>
    along(call, (found) => {
      const { axis, inner } = found;
      const { starts, steps, sizes } = call.options;
      const size = call.operands[0].shape[axis];
      if (starts[axis] === 0 && steps[axis] === 1 && sizes[axis] === size) return found;
      return size === call.count && inner === 1 ? 'meet' : 'unknown';
    }),
  pad: (call) =>
    along(call, (found) => {
      const { before, after } = call.options;
      return before[found.axis] === 0 && after[found.axis] === 0 ? found : 'unknown';
    }),
  concat(call) {
    const held = call.operands.map(
      ({ shape, apart }) => typeof apart === 'number' && axisOf(shape, apart, call.count)?.axis,
    );
    return held.includes(call.options.axis) ? 'unknown' : agreed(call, (found) => found);
  },
  conv: (call) => slid(call, () => (call.options.groups === 1 ? 'meet' : 'unknown')),
  convInput: (call) => slid(call, () => (call.options.groups === 1 ? 'meet' : 'unknown')),
  maxPool: (call) => slid(call, (found) => found),
  matmul(call) {
    const { operands, count, result } = call;
    const rank = result.length;
    const inner = operands.some(({ shape, apart }, operand) => {
      const found = typeof apart === 'number' ? axisOf(shape, apart, count) : undefined;
      return found?.axis === (operand === 0 ? rank - 1 : rank - 2);
    });
    return inner ? 'meet' : agreed(call, (found) => found);
  },
  positions: (call) => along(call, (found) => (found.axis === 1 ? 'unknown' : found)),
  gather({ operands: [table, indices], result }) {
    const { apart } = indices;
    if (table.apart !== undefined || typeof apart !== 'number') return 'unknown';
    return apart * sizeOf(result.slice(1));
  },
};
