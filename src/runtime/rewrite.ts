/**
 * The core graph of one sample, brought to the operators that there are fast kernels for: what scales and shifts the channels
 * of a convolution becomes a part of it; one spatial axis becomes two, of height 1; transposed convolutions become convolutions
 * whose results are told apart by the remainders of their places; products with sparse weights become convolutions.
 */
import { type CoreNode, type CoreOptions, call, input, type Tape, type Window } from '../graph/index.js';
import { floats, floatTensor, sizeOf } from '../onnx/index.js';
import { channelsAffine } from './affine.js';
import { tapAt } from './planes.js';
import { countOf } from './weights.js';

/** Rewrites the nodes of a tape; returns under which name each of `wanted` is found. */
export function rewrite(t: Tape, wanted: readonly string[]): Map<string, string> {
  const names = new Map<string, string>();
  const now = (name: string): string => names.get(name) ?? name;
  const nodes = channelsAffine(t.nodes.splice(0), t, new Set(wanted));
  for (const old of nodes) {
    const node: CoreNode = inside(t, { ...old, inputs: old.inputs.map(now) });
    t.layer = node.layer;
    const made = rewritten(t, node);
    if (made === undefined) t.nodes.push(node);
    else names.set(node.outputs[0], made);
  }
  return new Map(wanted.map((name) => [name, now(name)]));
}

/** Of a loop the body is rewritten, too. */
function inside(t: Tape, node: CoreNode): CoreNode {
  if (node.op !== 'scan') return node;
  const { states, gives, nodes, ...rest } = node.options as CoreOptions['scan'];
  const wanted = [...states.map(({ next }) => next), ...gives];
  const { nodes: body, result } = t.inside(() => {
    for (const one of nodes) t.nodes.push(one);
    return rewrite(t, wanted);
  });
  const options: CoreOptions['scan'] = {
    ...rest,
    states: states.map(({ name, next }) => ({ name, next: result.get(next)! })),
    gives: gives.map((name) => result.get(name)!),
    nodes: body,
  };
  return { ...node, options };
}

function rewritten(t: Tape, node: CoreNode): string | undefined {
  const [, , bias] = node.inputs;
  if (node.op === 'conv' && bias !== undefined && !t.type(bias).constant) return biasApart(t, node);
  const { shape } = t.type(node.inputs[0] ?? node.outputs[0]);
  if ((node.op === 'conv' || node.op === 'convInput') && shape.length === 3 && shape[0] === 1)
    return flat(t, node as CoreNode<'conv' | 'convInput'>);
  if (node.op === 'maxPool' && shape.length === 3 && shape[0] === 1)
    return flatPool(t, node as CoreNode<'maxPool'>);
  if (node.op === 'convInput') return transposedConv(t, node as CoreNode<'convInput'>);
  if (node.op === 'matmul') return projection(t, node);
  return undefined;
}

const reshape = (t: Tape, x: string, shape: readonly number[]): string =>
  t.emit('reshape', [x], { shape })[0];
const transpose = (t: Tape, x: string, order: readonly number[]): string =>
  t.emit('transpose', [x], { order })[0];

/** A bias that only a run knows is added by itself: kernels of convolutions keep theirs in a table. */
function biasApart(t: Tape, node: CoreNode): string {
  const [x, weight, bias] = node.inputs;
  const alone = { ...node, inputs: [x, weight] };
  const made = rewritten(t, alone);
  if (made === undefined) t.nodes.push(alone);
  const y = made ?? node.outputs[0];
  const { shape } = t.type(y);
  const beside = reshape(
    t,
    bias,
    shape.map((dim, axis) => (axis === 1 ? dim : 1)),
  );
  return t.emit('elementwise', [y, beside], { expression: call('add', input(0), input(1)) })[0];
}

/** One spatial axis as two, of which the first has one element. */
function flat(t: Tape, node: CoreNode<'conv' | 'convInput'>): string | undefined {
  const [x, weight, ...rest] = node.inputs;
  const [, channels, length] = t.type(x).shape;
  const { constant, shape } = t.type(weight);
  const output = t.type(node.outputs[0]).shape;
  if (!constant || (node.op === 'conv' && length === 1)) return undefined;
  const { window } = node.options;
  const wide = widened(window);
  const image = reshape(t, x, [1, channels, 1, length]);
  const kernel = t.constant({ ...constant, shape: [shape[0], shape[1], 1, shape[2]] });
  const inputs = [image, kernel, ...rest];
  const { groups } = node.options;
  const y =
    node.op === 'conv'
      ? t.emit('conv', inputs, { window: wide, groups })[0]
      : transposedFrom(t, inputs, { window: wide, groups, spatial: [1, output[2]] });
  return reshape(t, y, output);
}

function flatPool(t: Tape, { inputs: [x], outputs, options }: CoreNode<'maxPool'>): string {
  const [, channels, length] = t.type(x).shape;
  const image = reshape(t, x, [1, channels, 1, length]);
  const [y] = t.emit('maxPool', [image], { ...options, window: widened(options.window) });
  return reshape(t, y, t.type(outputs[0]).shape);
}

const widened = ({ kernel, strides, dilations, padsBefore, padsAfter }: Window): Window => ({
  kernel: [1, ...kernel],
  strides: [1, ...strides],
  dilations: [1, ...dilations],
  padsBefore: [0, ...padsBefore],
  padsAfter: [0, ...padsAfter],
});

function transposedConv(t: Tape, node: CoreNode<'convInput'>): string | undefined {
  const [x, weight] = node.inputs;
  const { shape } = t.type(x);
  if (shape.length !== 4 || shape[0] !== 1 || !t.type(weight).constant) return undefined;
  return transposedFrom(t, node.inputs, node.options);
}

/**
 * Along an axis of stride s, output i = s·q + r is Σ over taps k of w[k] · x[q + shift] where s · shift = r + pad − d·k: for each
 * remainder r a convolution of stride 1. All of them are one with s times the outputs, whose window spans all shifts.
 */
function transposedFrom(
  t: Tape,
  [x, weight, bias]: readonly string[],
  { window, groups, spatial }: CoreNode<'convInput'>['options'],
): string {
  const shape = t.type(weight).shape;
  const data = floats(t.type(weight).constant!);
  const [inputs, outputs] = [shape[0] / groups, shape[1]];
  const axes = [0, 1].map((axis) => shiftsAlong(window, axis, spatial[axis], t.type(x).shape[axis + 2]));
  const [rows, columns] = axes;
  const [high, wide] = axes.map(({ kernel }) => kernel);
  const phases = rows.stride * columns.stride;
  const made = new Float32Array(groups * outputs * phases * inputs * high * wide);
  for (let o = 0, from = 0; o < shape[0]; o++)
    for (let c = 0; c < outputs; c++)
      for (const row of rows.taps)
        for (const column of columns.taps) {
          const phase = row.phase * columns.stride + column.phase;
          const output = (Math.floor(o / inputs) * outputs + c) * phases + phase;
          made[((output * inputs + (o % inputs)) * high + row.at) * wide + column.at] = data[from++];
        }
  const kernel = t.constant(floatTensor([groups * outputs * phases, inputs, high, wide], made));
  const channels = groups * outputs;
  const biases = bias === undefined ? [] : [t.constant(repeated(floats(t.type(bias).constant!), phases))];
  const [y] = t.emit('conv', [x, kernel, ...biases], {
    groups,
    window: {
      kernel: [high, wide],
      strides: [1, 1],
      dilations: [1, 1],
      padsBefore: axes.map((axis) => axis.before),
      padsAfter: axes.map((axis) => axis.after),
    },
  });
  if (phases === 1) return y;
  const split = reshape(t, y, [channels, rows.stride, columns.stride, rows.count, columns.count]);
  const whole = [rows.count * rows.stride, columns.count * columns.stride];
  const image = reshape(t, transpose(t, split, [0, 3, 1, 4, 2]), [1, channels, ...whole]);
  if (`${whole}` === `${spatial}`) return image;
  const sizes = [1, channels, ...spatial];
  return t.emit('slice', [image], { starts: [0, 0, 0, 0], steps: [1, 1, 1, 1], sizes })[0];
}

function shiftsAlong(window: Window, axis: number, size: number, length: number) {
  const stride = window.strides[axis];
  const taps = Array.from({ length: window.kernel[axis] }, (_, tap) => {
    const { phase, shift } = tapAt(window, axis, tap);
    return { phase, shift: -shift };
  });
  const shifts = taps.map(({ shift }) => shift);
  const [least, most] = [Math.min(...shifts), Math.max(...shifts)];
  const count = Math.ceil(size / stride);
  return {
    stride,
    count,
    kernel: most - least + 1,
    before: -least,
    after: count - 1 + most - (length - 1),
    taps: taps.map(({ phase, shift }) => ({ phase, at: shift - least })),
  };
}

const repeated = (data: Float32Array, times: number) =>
  floatTensor(
    [data.length * times],
    Float32Array.from({ length: data.length * times }, (_, i) => data[Math.floor(i / times)]),
  );

/** Density up to which products with weights leave zeros out, whose lanes then are rows instead of columns. */
const SPARSE = 0.35;
const FEW_ROWS = 8;

/** A product with weights, where it is with a vector or the weights are sparse: rows as pixels, columns as channels. */
function projection(t: Tape, { inputs: [a, b] }: CoreNode): string | undefined {
  const { constant, shape } = t.type(b);
  const [inner, outer] = shape.slice(-2);
  const rows = sizeOf(t.type(a).shape) / inner;
  if (!constant || sizeOf(shape) !== inner * outer) return undefined;
  const data = floats(constant);
  if (rows > 1 && (rows < FEW_ROWS || countOf(data) > SPARSE * data.length)) return undefined;
  const turned = Float32Array.from(data, (_, i) => data[(i % inner) * outer + Math.floor(i / inner)]);
  const pixels = reshape(t, transpose(t, reshape(t, a, [rows, inner]), [1, 0]), [1, inner, 1, rows]);
  const one = [1, 1];
  const [y] = t.emit('conv', [pixels, t.constant(floatTensor([outer, inner, 1, 1], turned))], {
    groups: 1,
    window: { kernel: one, strides: one, dilations: one, padsBefore: [0, 0], padsAfter: [0, 0] },
  });
  const back = transpose(t, reshape(t, y, [outer, rows]), [1, 0]);
  return reshape(t, back, [...t.type(a).shape.slice(0, -1), outer]);
}
