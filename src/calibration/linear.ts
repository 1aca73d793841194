/**
 * Layers that are linear in what they read: Conv, ConvTranspose, Gemm and MatMul with a weight of their own. Each is, group by
 * group, a matrix times the *unfolded* input: of every output pixel all numbers that it is made of, one below the other.
 *
 *     y[o, p] = Σ_j W[o, j] · u[g(o), j, p]      j = (input channel of the group, tap of the window)
 *
 * A convolution is unfolded by a convolution: depth-wise, with a filter for every tap that picks it. So padding, strides,
 * dilations and transposition are what they are in the layer itself, and the kernels are the engine's.
 */
import type { Pair } from '../engine/index.js';
import { type Build, type CoreNode, nameOf, reshape, transpose, weightsBehind } from '../graph/index.js';
import { attr, floatTensor, type Graph, isFloat, type Node, sizeOf } from '../onnx/index.js';

/** A layer with its weight as a matrix. */
export interface Linear {
  node: Node;
  /** Place of the node in its graph. */
  index: number;
  weight: string;
  /** Names of the value that it reads, and of a bias of its own. */
  x: string;
  bias?: string;
  /** How many matrices there are, one for each group of channels. */
  groups: number;
  /** Rows of all of them together. */
  outputs: number;
  /** Columns of each. */
  inner: number;
  /** Columns of every input channel, one for each tap of the window. */
  taps: number;
  /** Where in the weight the element (row, column) lies, row-major. */
  at: Int32Array;
  /** The axis of the result on which the rows lie. */
  axis: number;
  /** What the product is multiplied by (Gemm's alpha), and a bias (its beta). */
  alpha: number;
  beta: number;
  /** The input as [B, groups · inner, pixels]. */
  unfold(build: Build, x: string): string;
  /** Something of the shape of the result as [B, outputs, pixels]. */
  fold(build: Build, y: string): string;
}

/** Why a node with weights is not looked at. */
export interface Left {
  node: Node;
  reason: string;
}

/** The layers of the student, in the order of its graph, and what else multiplies by weights. */
export function linearLayers(graph: Graph, pair: Pair): { layers: Linear[]; left: Left[] } {
  const uses = new Map<string, number>();
  for (const { inputs } of graph.nodes) for (const name of inputs) uses.set(name, (uses.get(name) ?? 0) + 1);
  const behind = weightsBehind(graph);
  const layers: Linear[] = [];
  const left: Left[] = [];
  for (const [index, node] of graph.nodes.entries()) {
    const made = node.domain === '' && pair.student.has(node.outputs[0]);
    const kind = made ? kinds[node.op] : undefined;
    const found = kind?.({ node, index, behind, pair });
    if (!found) continue;
    const tensor = graph.initializers.get(found.weight);
    if (!tensor || !isFloat(tensor.dtype) || !pair.weights.has(found.weight))
      left.push({ node, reason: 'its weight is not a tensor of floats of its own' });
    else if (uses.get(found.weight)! > 1) left.push({ node, reason: 'other layers share its weight' });
    else layers.push(found);
  }
  return { layers, left };
}

interface Place {
  node: Node;
  index: number;
  /** The initialiser behind an input. */
  behind(name: string): string;
  pair: Pair;
}

type Kind = (place: Place) => Linear | undefined;

const kinds: Readonly<Record<string, Kind>> = {
  Conv: (place) => convolution(place, 'conv'),
  ConvTranspose: (place) => convolution(place, 'convInput'),
  Gemm(place) {
    const { node, pair } = place;
    const [x] = operands(place);
    if (!x || !lanedIn(pair, x) || !constantIn(place, 1)) return undefined;
    const turned = attr.int(node, 'transA', 0) !== 0;
    const [first, second] = shapeOf(place, node.inputs[1]);
    const across = attr.int(node, 'transB', 0) !== 0;
    const [outputs, inner] = across ? [first, second] : [second, first];
    const columns = (b: Build, value: string, flip: boolean) => {
      const rows = flip ? value : transpose(b, value, [1, 0]);
      return reshape(b, rows, [1, ...b.type(rows).shape]);
    };
    return {
      ...about(place, { groups: 1, outputs, inner, axis: 1 }),
      at: across ? straight(outputs * inner) : turnedAt(outputs, inner),
      alpha: attr.float(node, 'alpha', 1),
      beta: attr.float(node, 'beta', 1),
      unfold: (b, value) => columns(b, value, turned),
      fold: (b, value) => columns(b, value, false),
    };
  },
  MatMul(place) {
    const { pair } = place;
    const [left, right] = operands(place);
    if (left && lanedIn(pair, left) && constantIn(place, 1)) return byRight(place);
    if (right && lanedIn(pair, right) && constantIn(place, 0)) return byLeft(place);
    return undefined;
  },
};

const operands = ({ node, pair }: Place): (string | undefined)[] =>
  node.inputs.map((name) => pair.student.get(name));

const lanedIn = (pair: Pair, core: string): boolean => pair.build.type(core).laned;

const shapeOf = ({ pair }: Place, name: string): readonly number[] =>
  pair.build.type(pair.student.get(name)!).shape;

/** Whether an input is the same for all samples, and a matrix up to leading ones. */
function constantIn(place: Place, input: number): boolean {
  const core = place.pair.student.get(place.node.inputs[input]);
  if (core === undefined) return false;
  const { laned, shape } = place.pair.build.type(core);
  return !laned && shape.length >= 2 && sizeOf(shape) === sizeOf(shape.slice(-2));
}

const about = (
  { node, index, behind }: Place,
  sizes: Pick<Linear, 'groups' | 'outputs' | 'inner' | 'axis'>,
  input = 1,
) => ({
  ...{ node, index, weight: behind(node.inputs[input]), x: node.inputs[1 - input] },
  bias: node.op !== 'MatMul' && node.inputs[2] ? behind(node.inputs[2]) : undefined,
  ...{ alpha: 1, beta: 1, taps: 1, ...sizes },
});

const straight = (size: number): Int32Array => Int32Array.from({ length: size }, (_, i) => i);

/** Of a matrix that lies with its columns first. */
const turnedAt = (outputs: number, inner: number): Int32Array =>
  Int32Array.from({ length: outputs * inner }, (_, i) => (i % inner) * outputs + Math.floor(i / inner));

/** Rows of samples times a weight. */
function byRight(place: Place): Linear | undefined {
  const { node } = place;
  const [inner, outputs] = shapeOf(place, node.inputs[1]).slice(-2);
  const rank = shapeOf(place, node.outputs[0]).length;
  if (shapeOf(place, node.inputs[0]).length < shapeOf(place, node.inputs[1]).length || rank < 1)
    return undefined;
  const columns = (b: Build, value: string) => {
    const { shape } = b.type(value);
    const last = shape[shape.length - 1];
    const rows = reshape(b, value, [sizeOf(shape) / last, last]);
    return reshape(b, transpose(b, rows, [1, 0]), [1, last, sizeOf(shape) / last]);
  };
  return {
    ...about(place, { groups: 1, outputs, inner, axis: rank - 1 }),
    at: turnedAt(outputs, inner),
    unfold: columns,
    fold: columns,
  };
}

/** A weight times columns of samples. */
function byLeft(place: Place): Linear | undefined {
  const { node } = place;
  const [outputs, inner] = shapeOf(place, node.inputs[0]).slice(-2);
  const [x, y] = [shapeOf(place, node.inputs[1]), shapeOf(place, node.outputs[0])];
  if (x.length < 2 || x.length < shapeOf(place, node.inputs[0]).length) return undefined;
  const columns = (b: Build, value: string) => {
    const { shape } = b.type(value);
    return reshape(b, value, [sizeOf(shape.slice(0, -2)), ...shape.slice(-2)]);
  };
  return {
    ...about(place, { groups: 1, outputs, inner, axis: y.length - 2 }, 0),
    at: straight(outputs * inner),
    unfold: columns,
    fold: columns,
  };
}

function convolution(place: Place, op: 'conv' | 'convInput'): Linear | undefined {
  const { node, pair } = place;
  const x = pair.student.get(node.inputs[0]);
  if (x === undefined || !lanedIn(pair, x) || lanedIn(pair, pair.student.get(node.inputs[1])!))
    return undefined;
  const core = pair.nodes.find(
    (one): one is CoreNode<'conv' | 'convInput'> =>
      one.op === op && one.layer === nameOf(node) && one.inputs[0] === x,
  );
  if (!core) return undefined;
  const { window, groups } = core.options;
  const taps = sizeOf(window.kernel);
  const w = shapeOf(place, node.inputs[1]);
  const channels = pair.build.type(x).shape[1];
  const outputs = op === 'conv' ? w[0] : w[1] * groups;
  const inner = (channels / groups) * taps;
  const per = outputs / groups;
  const at =
    op === 'conv'
      ? straight(outputs * inner)
      : Int32Array.from({ length: outputs * inner }, (_, i) => {
          const [o, j] = [Math.floor(i / inner), i % inner];
          const channel = Math.floor(o / per) * (channels / groups) + Math.floor(j / taps);
          return (channel * per + (o % per)) * taps + (j % taps);
        });
  const pixels = (b: Build, value: string) => {
    const { shape } = b.type(value);
    return reshape(b, value, [shape[0], shape[1], sizeOf(shape.slice(2))]);
  };
  const plain = [...window.strides, ...window.kernel].every((n) => n === 1) && !padded(window);
  return {
    ...about(place, { groups, outputs, inner, axis: 1 }),
    taps,
    at,
    unfold(b, value) {
      if (plain) return pixels(b, value);
      const picks = b.constant(floatTensor(picksShape(op, channels, window.kernel), picking(channels, taps)));
      const [u] =
        op === 'conv'
          ? b.emit('conv', [value, picks], { window, groups: channels })
          : b.emit('convInput', [value, picks], {
              ...(core as CoreNode<'convInput'>).options,
              groups: channels,
            });
      return pixels(b, u);
    },
    fold: pixels,
  };
}

const padded = ({ padsBefore, padsAfter }: { padsBefore: readonly number[]; padsAfter: readonly number[] }) =>
  [...padsBefore, ...padsAfter].some((n) => n !== 0);

/** For each channel as many filters as the window has taps; a transposed convolution has them on its second axis. */
const picksShape = (op: 'conv' | 'convInput', channels: number, kernel: readonly number[]): number[] =>
  op === 'conv' ? [channels * sizeOf(kernel), 1, ...kernel] : [channels, sizeOf(kernel), ...kernel];

/** The k-th filter of a channel picks the k-th tap. */
function picking(channels: number, taps: number): Float32Array {
  const filters = new Float32Array(channels * taps * taps);
  for (let i = 0; i < channels * taps; i++) filters[i * taps + (i % taps)] = 1;
  return filters;
}
