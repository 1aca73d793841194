/**
 * From a core graph to steps: each value gets a place, views cost nothing, passes become calls of the map kernel, and the
 * rest one call each.
 */
import type { CoreNode, CoreOptions, Type } from '../../graph/core.js';
import { call, input } from '../../graph/expression.js';
import { sizeOf } from '../../onnx/tensor.js';
import { lowerConv, lowerConvInput, lowerConvWeight } from './conv.js';
import { dense, viewed } from './dense.js';
import type { Pass, Unit } from './fuse.js';
import { lowerCopy, lowerFill, lowerMap } from './map.js';
import { broadcasted, LANES, type Place, reshaped, sliced, transposed, wholePlace } from './place.js';
import { lowerMaxPool, lowerMaxPoolInput, lowerPositions } from './pool.js';
import { blockStride, fresh, type Lowering, lineOf, type Word } from './steps.js';

export interface Values {
  type(name: string): Type;
  /** Where a value is: inputs, parameters and constants are there from the start. */
  place(name: string): Place;
  put(name: string, place: Place): void;
  /** Where an output must go, e.g. a gradient's own memory. */
  destined(name: string): Place | undefined;
  /** The mask of the weights whose gradient goes to the value's destination. */
  mask(name: string): Place | undefined;
  /** Whether lanes beyond the valid samples must be 0 in this value. */
  masked(name: string): boolean;
}

/** Writes the steps of all units. */
export function lower(l: Lowering, units: readonly Unit[], v: Values): void {
  for (const unit of units) {
    const before = l.steps.length;
    if ('pass' in unit) lowerPass(l, unit.pass, v);
    else lowerNode(l, unit.node, v);
    const made = 'pass' in unit ? unit.pass.results[0].output : unit.node.outputs[0];
    for (const step of l.steps.slice(before)) step.makes ??= made;
  }
}

/** A new place for a value, or the one it is destined for. */
function target(v: Values, name: string): Place {
  const { shape, laned } = v.type(name);
  const place = v.destined(name) ?? fresh(shape, laned);
  v.put(name, place);
  return place;
}

function lowerPass(l: Lowering, pass: Pass, v: Values): void {
  const operands = pass.operands.map(v.place);
  const results = pass.results.map((r) => ({ ...r, place: target(v, r.output) }));
  lowerMap(
    l,
    pass.shape,
    operands,
    results,
    results.some((r) => r.across || v.masked(r.output)),
  );
}

type Rule<Name extends keyof CoreOptions> = (
  l: Lowering,
  node: CoreNode<Name>,
  v: Values,
  inputs: Place[],
) => void;

function lowerNode(l: Lowering, node: CoreNode, v: Values): void {
  const rule = rules[node.op] as Rule<keyof CoreOptions> | undefined;
  if (!rule) throw new Error(`The core operator ${node.op} has no kernel`);
  const inputs = node.inputs.map((name) => v.place(name));
  const spread = lanesOnly[node.op];
  if (!spread || inputs.some((p) => p.buffer.laned)) rule(l, node, v, inputs);
  else {
    const inLanes = inputs.map((p, k) => (k < spread ? spreadOverLanes(l, p) : p));
    lowerShared(l, node, v, inLanes, rule);
  }
}

/** Kernels that know only values in lanes, and how many of their inputs, from the first on, they want there. */
const lanesOnly: { [Name in keyof CoreOptions]?: number } = {
  conv: 1,
  convInput: 1,
  matmul: 1,
  maxPool: 1,
  maxPoolInput: 2,
  positions: 1,
};

/** What all samples share, computed in lanes; the lanes are equal, and their maximum is any of them. */
function lowerShared(
  l: Lowering,
  node: CoreNode,
  v: Values,
  inputs: Place[],
  rule: Rule<keyof CoreOptions>,
): void {
  const inLanes = new Map(node.outputs.map((name) => [name, fresh(v.type(name).shape, true)]));
  const put = (name: string, place: Place) => inLanes.set(name, place);
  rule(l, node, { ...v, put, destined: (name) => inLanes.get(name) }, inputs);
  for (const [name, from] of inLanes) {
    const place = target(v, name);
    lowerMap(l, from.shape, [from], [{ expression: input(0), how: 'max', place, across: true }], false);
  }
}

function spreadOverLanes(l: Lowering, p: Place): Place {
  if (p.buffer.laned) return p;
  const copy = fresh(p.shape, true);
  lowerCopy(l, p, copy);
  return copy;
}

/** Gives a value a place it already has, copying only where the value is destined for another. */
function alias(l: Lowering, v: Values, name: string, place: Place): void {
  const wanted = v.destined(name);
  if (wanted && wanted.buffer !== place.buffer) lowerCopy(l, place, wanted);
  v.put(name, wanted ?? place);
}

const rules: { [Name in keyof CoreOptions]?: Rule<Name> } = {
  reshape: (l, node, v, [x]) => alias(l, v, node.outputs[0], viewed(l, x, node.options.shape)),
  transpose: (l, node, v, [x]) => alias(l, v, node.outputs[0], transposed(x, node.options.order)),
  slice(l, node, v, [x]) {
    const { starts, steps, sizes } = node.options;
    alias(l, v, node.outputs[0], sliced(x, starts, steps, sizes));
  },
  expand: (l, node, v, [x]) => alias(l, v, node.outputs[0], broadcasted(x, node.options.shape)),
  pad(l, node, v, [x]) {
    const { before, after, value } = node.options;
    const y = target(v, node.outputs[0]);
    if ([...before, ...after].some((n) => n > 0)) lowerFill(l, y, value);
    const cut = before.map((n) => Math.max(0, -n));
    const sizes = x.shape.map((d, i) => d - cut[i] - Math.max(0, -after[i]));
    const steps = sizes.map(() => 1);
    lowerCopy(
      l,
      sliced(x, cut, steps, sizes),
      sliced(
        y,
        before.map((n) => Math.max(0, n)),
        steps,
        sizes,
      ),
    );
  },
  concat(l, node, v, inputs) {
    const y = target(v, node.outputs[0]);
    let at = 0;
    for (const x of inputs) {
      const starts = x.shape.map((_, i) => (i === node.options.axis ? at : 0));
      lowerCopy(
        l,
        x,
        sliced(
          y,
          starts,
          starts.map(() => 1),
          x.shape,
        ),
      );
      at += x.shape[node.options.axis];
    }
  },
  conv: (l, node, v, inputs) => lowerConv(l, laned(l, inputs), target(v, node.outputs[0]), node.options),
  convInput: (l, node, v, inputs) =>
    lowerConvInput(l, laned(l, inputs), target(v, node.outputs[0]), node.options),
  convWeight(l, node, v, inputs) {
    const dw = target(v, node.outputs[0]);
    if (inputs.some((p) => p.buffer.laned))
      return lowerConvWeight(l, inputs, dw, node.options, v.mask(node.outputs[0]));
    // What all samples share is summed over as many lanes as there are, and counts once.
    const sum = fresh(dw.shape, false);
    lowerConvWeight(
      l,
      inputs.map((p) => spreadOverLanes(l, p)),
      sum,
      node.options,
    );
    const once = call('mul', input(0), 1 / (LANES * l.blocks));
    lowerMap(l, dw.shape, [sum], [{ expression: once, how: 'store', place: dw }], false);
  },
  maxPool: (l, node, v, [x]) =>
    lowerMaxPool(l, x, target(v, node.outputs[0]), target(v, node.outputs[1]), node.options),
  maxPoolInput: (l, node, v, [dy, winner]) =>
    lowerMaxPoolInput(l, dy, winner, target(v, node.outputs[0]), node.options),
  positions: (l, node, v, [x]) => lowerPositions(l, x, target(v, node.outputs[0]), node.options),
  normalize(l, node, v, [x, scale, bias, mean, variance]) {
    const pixels = x.shape[0] * sizeOf(x.shape.slice(2));
    const flat = viewed(l, transposed(x, [1, 0, ...x.shape.slice(2).map((_, i) => i + 2)]), [
      x.shape[1],
      pixels,
    ]);
    const outputs = node.outputs.map((name) => lineOf(target(v, name)));
    l.step('normalize', x.shape[1], [
      lineOf(flat),
      ...[scale, bias, mean, variance].map(lineOf),
      ...outputs,
      { buffer: l.valid },
      flat.strides[0],
      blockStride(flat),
      flat.strides[1],
      x.shape[1],
      l.blocks,
      pixels,
      { float: node.options.epsilon },
      { float: node.options.momentum },
    ]);
  },
  normalizeInput(l, node, v, inputs) {
    const outputs = node.outputs.map((name) => lineOf(target(v, name)));
    const [sum] = inputs;
    const lines = inputs.map((p) => lineOf(dense(l, p)));
    l.step('normalize_input', 1, [
      ...lines,
      ...outputs,
      { buffer: l.valid },
      sum.shape[0],
      node.options.count,
    ]);
  },
  matmul(l, node, v, [a, b]) {
    const y = target(v, node.outputs[0]);
    const [x, w, z] = [a, b, y].map((p) => matrices(l, p));
    const lead = z.shape[0];
    l.step('matmul', lead * l.blocks, [
      lineOf(x),
      lineOf(w),
      lineOf(z),
      x.buffer.laned ? 1 : 0,
      w.buffer.laned ? 1 : 0,
      lead,
      z.shape[1],
      x.shape[2],
      z.shape[2],
      ...x.strides,
      blockStride(x),
      ...w.strides,
      blockStride(w),
      ...z.strides,
      blockStride(z),
    ]);
  },
  gather(l, node, v, [table, indices]) {
    const y = target(v, node.outputs[0]);
    l.step('gather', y.shape[0] * l.blocks, [
      lineOf(table),
      lineOf(indices),
      lineOf(y),
      table.shape[0],
      table.shape[1],
      y.shape[0],
      ...table.strides,
      indices.strides[0],
      blockStride(indices),
      ...y.strides,
      blockStride(y),
    ]);
  },
  scatterSum(l, node, v, [dy, indices]) {
    const y = target(v, node.outputs[0]);
    l.step('scatter_sum', y.shape[1], [
      lineOf(y),
      lineOf(indices),
      lineOf(dy),
      y.shape[0],
      y.shape[1],
      dy.shape[0],
      indices.strides[0],
      blockStride(indices),
      ...dy.strides,
      blockStride(dy),
      l.blocks,
      { buffer: l.valid },
    ]);
  },
  uniform(l, node, v) {
    const { shape, laned: varies } = v.type(node.outputs[0]);
    const y = wholePlace({ laned: varies, size: sizeOf(shape) }, shape);
    v.put(node.outputs[0], y);
    const elements = varies ? y.buffer.size * 16 * l.blocks : y.buffer.size;
    l.step('uniform', Math.ceil(elements / 8192), [
      lineOf(y),
      { buffer: l.seed },
      node.options.stream,
      elements,
    ]);
  },
  crossEntropy(l, node, v, [logits, labels, teacher]) {
    const { smoothing, teacher: distilled } = node.options;
    const z = viewed(l, logits, [sizeOf(logits.shape)]);
    const [loss, correct, dz] = node.outputs.map((name) => target(v, name));
    const d = reshaped(dz, [sizeOf(dz.shape)])!;
    l.step('cross_entropy', 1, [
      lineOf(z),
      lineOf(labels),
      lineOf(loss),
      lineOf(correct),
      lineOf(d),
      { buffer: l.valid },
      { buffer: l.whole },
      z.shape[0],
      z.strides[0],
      blockStride(z),
      d.strides[0],
      blockStride(d),
      l.blocks,
      { float: smoothing },
      ...(distilled ? teacherWords(l, teacher, distilled) : [0, 0, 0, 0, 0]),
    ]);
  },
};

/** What cross-entropy is told of the teacher: where its logits are, and how they count. */
function teacherWords(l: Lowering, logits: Place, { temperature, weight }: Teaching): Word[] {
  const t = viewed(l, spreadOverLanes(l, logits), [sizeOf(logits.shape)]);
  return [lineOf(t), t.strides[0], blockStride(t), { float: temperature }, { float: weight }];
}

type Teaching = NonNullable<CoreOptions['crossEntropy']['teacher']>;

/** Convolutions read their image from lanes: an image that is the same for all samples is spread over them. */
const laned = (l: Lowering, [x, ...rest]: Place[]): Place[] => [spreadOverLanes(l, x), ...rest];

/** Leading axes as one. */
const matrices = (l: Lowering, p: Place): Place => {
  const shape = [sizeOf(p.shape.slice(0, -2)), ...p.shape.slice(-2)];
  return p.buffer.laned ? viewed(l, p, shape) : viewed(l, dense(l, p), shape);
};
