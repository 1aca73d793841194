/** Lowers linear layers on one vector. */
import { densePlace, type Place, reshaped } from '../engine/lowering/index.js';
import type { CoreNode } from '../graph/index.js';
import { sizeOf } from '../onnx/index.js';
import { biasOf, type Context, contents, isConstant } from './context.js';
import { countOf, termsOf } from './weights.js';

/** What a term costs beside a register of weights. */
const TERM = 1.3;
/** Larger weights are read anew from memory by every run. */
const CACHE_BYTES = 2 ** 21;

/** A linear layer on one vector: its window, if it has one, covers the whole of the input. */
export function isLinear(c: Context, node: CoreNode): boolean {
  const { window, groups } = (node as CoreNode<'conv'>).options;
  const [x, y] = [c.v.type(node.inputs[0]).shape, c.v.type(node.outputs[0]).shape];
  return (
    groups === 1 &&
    y[0] === 1 &&
    sizeOf(y.slice(2)) === 1 &&
    window.kernel.every((k, i) => k === x[i + 2]) &&
    [...window.padsBefore, ...window.padsAfter].every((p) => p === 0) &&
    isConstant(c, node.inputs[1]) &&
    !c.tails.get(node)!.residual
  );
}

export function lowerLinear(c: Context, node: CoreNode<'conv'>): void {
  const { l } = c;
  const [name, weight, bias] = node.inputs;
  const x = c.v.place(name);
  const { shape } = c.v.type(node.outputs[0]);
  const flat = reshaped(x, [sizeOf(x.shape)]);
  const vector = flat && (flat.strides[0] === 1 || flat.shape[0] === 1) ? flat : densePlace(l, x);
  const [inputs, outputs] = [sizeOf(x.shape), shape[1]];
  const y: Place = { buffer: { laned: false, size: outputs }, offset: 0, shape, strides: shape.map(() => 1) };
  const { low, high } = c.tails.get(node)!;
  const data = contents(c, weight);
  const common = {
    x: { buffer: vector.buffer },
    xOffset: vector.offset,
    y: { buffer: y.buffer },
    bias: { buffer: l.table(biasOf(c, node, bias, outputs)) },
    outputs,
    low,
    high,
  };
  if (isSparse(data, l.machine.lanesPerVector)) {
    const weights = { data, groups: 1, outputs, channels: inputs, taps: 1 };
    const { starts, terms } = termsOf(weights, (_, channel) => channel);
    l.call.linearSparse({
      ...common,
      terms: { buffer: l.table(terms) },
      starts: { buffer: l.table(starts) },
    });
  } else l.call.linear({ ...common, weights: { buffer: l.table(data) }, inputs });
  c.v.put(node.outputs[0], y);
}

/**
 * Whether it is cheaper to leave zeros out: one weight at a time, each with its place, in place of whole registers. Weights
 * that no cache holds cost what is read of them.
 */
function isSparse(data: Float32Array, vector: number): boolean {
  const count = countOf(data);
  return data.length * 4 > CACHE_BYTES ? 2 * count < data.length : TERM * count * vector < data.length;
}
