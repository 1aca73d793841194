/**
 * From a core graph to steps: each value gets a place, views cost nothing, passes become calls of the map kernel, and the
 * rest one call each.
 */
import { type CoreName, type CoreNode, call, input } from '../../graph/index.js';
import { sizeOf } from '../../onnx/index.js';
import type { ClassStrides, MatrixStrides } from './calls.js';
import { lowerConv, lowerConvInput, lowerConvWeight } from './conv.js';
import { densePlace, viewed } from './dense.js';
import { fuse, type Pass, type Unit } from './fuse.js';
import { lowerCopy, lowerFill, lowerMap } from './map.js';
import { broadcasted, LANES, type Place, reshaped, sliced, transposed, wholePlace } from './place.js';
import { lowerMaxPool, lowerMaxPoolInput, lowerPositions } from './pool.js';
import { lowerScan } from './scan.js';
import { blockStride, fresh, type LoweredValues, type Lowering, lineOf } from './steps.js';

/** Writes the steps of all units. */
export function lower(l: Lowering, units: readonly Unit[], v: LoweredValues): void {
  for (const unit of units) {
    const before = l.steps.length;
    if ('pass' in unit) lowerPass(l, unit.pass, v);
    else lowerNode(l, unit.node, v);
    for (const step of l.steps.slice(before)) step.makes ??= madeBy(unit);
  }
}

/** The value that steps of a unit are put down to. */
export const madeBy = (unit: Unit): string =>
  'pass' in unit ? unit.pass.results[0].output : unit.node.outputs[0];

/** A new place for a value, or the one it is destined for. */
function target(v: LoweredValues, name: string): Place {
  const { shape, laned } = v.type(name);
  const place = v.destined(name) ?? fresh(shape, laned);
  v.put(name, place);
  return place;
}

function lowerPass(l: Lowering, pass: Pass, v: LoweredValues): void {
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

type Rule<Name extends CoreName> = (
  l: Lowering,
  node: CoreNode<Name>,
  v: LoweredValues,
  inputs: Place[],
) => void;

function lowerNode(l: Lowering, node: CoreNode, v: LoweredValues): void {
  const rule = rules[node.op] as Rule<CoreName> | 'pass';
  if (rule === 'pass') throw new Error(`${node.op} is lowered as a pass`);
  const inputs = node.inputs.map((name) => v.place(name));
  const spread = lanesOnly[node.op]?.length ?? 0;
  if (spread === 0 || inputs.some((p) => p.buffer.laned)) rule(l, node, v, inputs);
  else {
    const inLanes = inputs.map((p, k) => (k < spread ? spreadOverLanes(l, p) : p));
    lowerShared(l, node, v, inLanes, rule);
  }
}

/** Inputs, the first of an operator, that its kernels know in lanes only. */
const lanesOnly: { [Name in CoreName]?: readonly string[] } = {
  conv: ['image'],
  convInput: ['gradient'],
  matmul: ['left'],
  maxPool: ['image'],
  maxPoolInput: ['gradient', 'winners'],
  positions: ['rows'],
};

/** What all samples share, computed in lanes; the lanes are equal, and their maximum is any of them. */
function lowerShared(
  l: Lowering,
  node: CoreNode,
  v: LoweredValues,
  inputs: Place[],
  rule: Rule<CoreName>,
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
function alias(l: Lowering, v: LoweredValues, name: string, place: Place): void {
  const wanted = v.destined(name);
  if (wanted && wanted.buffer !== place.buffer) lowerCopy(l, place, wanted);
  v.put(name, wanted ?? place);
}

/** One for each operator; formulas and reductions are fused into passes before. */
const rules: { [Name in CoreName]: Rule<Name> | 'pass' } = {
  elementwise: 'pass',
  reduce: 'pass',
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
    const [a, b, average, inverse] = node.outputs.map((name) => lineOf(target(v, name)));
    l.call.normalize({
      x: lineOf(flat),
      scale: lineOf(scale),
      bias: lineOf(bias),
      runningMean: lineOf(mean),
      runningVariance: lineOf(variance),
      a,
      b,
      mean: average,
      inverse,
      valid: { buffer: l.valid },
      xChannel: flat.strides[0],
      xBlock: blockStride(flat),
      xPixel: flat.strides[1],
      channels: x.shape[1],
      blocks: l.blocks,
      pixels,
      epsilon: node.options.epsilon,
      momentum: node.options.momentum,
    });
  },
  normalizeInput(l, node, v, inputs) {
    const [p, q] = node.outputs.map((name) => lineOf(target(v, name)));
    const [sum, product, a, mean, inverse] = inputs.map((place) => lineOf(densePlace(l, place)));
    l.call.normalizeInput({
      sum,
      product,
      a,
      mean,
      inverse,
      p,
      q,
      valid: { buffer: l.valid },
      channels: inputs[0].shape[0],
      pixels: node.options.count,
    });
  },
  matmul(l, node, v, [a, b]) {
    const y = target(v, node.outputs[0]);
    const [x, w, z] = [a, b, y].map((p) => matrices(l, p));
    l.call.matmul({
      a: lineOf(x),
      b: lineOf(w),
      c: lineOf(z),
      aLaned: x.buffer.laned ? 1 : 0,
      bLaned: w.buffer.laned ? 1 : 0,
      leading: z.shape[0],
      rows: z.shape[1],
      inner: x.shape[2],
      columns: z.shape[2],
      aBy: matrixStrides(x),
      bBy: matrixStrides(w),
      cBy: matrixStrides(z),
      blocks: l.blocks,
    });
  },
  gather(l, node, v, [table, indices]) {
    const y = target(v, node.outputs[0]);
    l.call.gather({
      table: lineOf(table),
      index: lineOf(indices),
      y: lineOf(y),
      rows: table.shape[0],
      width: table.shape[1],
      count: y.shape[0],
      tableRow: table.strides[0],
      tableColumn: table.strides[1],
      indexStep: indices.strides[0],
      indexBlock: blockStride(indices),
      yStep: y.strides[0],
      yColumn: y.strides[1],
      yBlock: blockStride(y),
      blocks: l.blocks,
    });
  },
  scatterSum(l, node, v, [dy, indices]) {
    const y = target(v, node.outputs[0]);
    l.call.scatterSum({
      table: lineOf(y),
      index: lineOf(indices),
      dy: lineOf(dy),
      valid: { buffer: l.valid },
      rows: y.shape[0],
      width: y.shape[1],
      count: dy.shape[0],
      indexStep: indices.strides[0],
      indexBlock: blockStride(indices),
      dyStep: dy.strides[0],
      dyColumn: dy.strides[1],
      dyBlock: blockStride(dy),
      blocks: l.blocks,
    });
  },
  uniform(l, node, v) {
    const { shape, laned: varies } = v.type(node.outputs[0]);
    const y = wholePlace({ laned: varies, size: sizeOf(shape) }, shape);
    v.put(node.outputs[0], y);
    const elements = varies ? y.buffer.size * LANES * l.blocks : y.buffer.size;
    l.call.uniform({ target: lineOf(y), seed: { buffer: l.seed }, stream: node.options.stream, elements });
  },
  scan: (l, node, v) =>
    lowerScan(l, node, v, (nodes, kept, inner) => lower(l, fuse(nodes, v.type, kept), inner)),
  crossEntropy(l, node, v, [logits, labels, teacher]) {
    const { smoothing, teacher: distilled } = node.options;
    const z = viewed(l, logits, [sizeOf(logits.shape)]);
    const [loss, correct, dz] = node.outputs.map((name) => target(v, name));
    const d = reshaped(dz, [sizeOf(dz.shape)])!;
    const t = distilled && viewed(l, spreadOverLanes(l, teacher), [sizeOf(teacher.shape)]);
    l.call.crossEntropy({
      logits: lineOf(z),
      labels: lineOf(labels),
      loss: lineOf(loss),
      correct: lineOf(correct),
      dlogits: lineOf(d),
      valid: { buffer: l.valid },
      whole: { buffer: l.whole },
      teacher: t && lineOf(t),
      classes: z.shape[0],
      blocks: l.blocks,
      logitsBy: classStrides(z),
      dlogitsBy: classStrides(d),
      teacherBy: t ? classStrides(t) : { class: 0, block: 0 },
      smoothing,
      temperature: distilled?.temperature ?? 1,
      weight: distilled?.weight ?? 0,
    });
  },
};

const classStrides = (p: Place): ClassStrides => ({ class: p.strides[0], block: blockStride(p) });

const matrixStrides = (p: Place): MatrixStrides => ({
  leading: p.strides[0],
  row: p.strides[1],
  column: p.strides[2],
  block: blockStride(p),
});

/** Convolutions read their image from lanes: an image that is the same for all samples is spread over them. */
const laned = (l: Lowering, [x, ...rest]: Place[]): Place[] => [spreadOverLanes(l, x), ...rest];

/** Leading axes as one. */
const matrices = (l: Lowering, p: Place): Place => {
  const shape = [sizeOf(p.shape.slice(0, -2)), ...p.shape.slice(-2)];
  return p.buffer.laned ? viewed(l, p, shape) : viewed(l, densePlace(l, p), shape);
};
