/**
 * From a core graph of one sample to steps. Images that convolutions read or write lie in planes (planes.ts), where the
 * kernels of kernels/plane.c work on them; all else is left to the engine's own lowering, to which planes are strided places
 * like any other.
 */
import {
  densePlace,
  fresh,
  fuse,
  lower,
  lowerMap,
  lowerScan,
  madeBy,
  type Unit,
  wholePlace,
} from '../engine/lowering/index.js';
import { type CoreNode, call, type Expression, input } from '../graph/index.js';
import { sizeOf } from '../onnx/index.js';
import { type Context, isConstant, phasesKey } from './context.js';
import { lowerConv } from './conv.js';
import { onlyResiduals, takeInTails } from './fuse.js';
import { lowerConcat, lowerReshape } from './images.js';
import { isLinear, lowerLinear } from './linear.js';
import { lowerPass } from './passes.js';
import { channelStride, isImage, phaseSize } from './planes.js';
import { lowerMaxPool, lowerPositions } from './pools.js';
import { lowerProduct } from './product.js';

export function lowerPlanes(c: Context, units: readonly Unit[]): void {
  for (const unit of units) {
    const before = c.l.steps.length;
    const done = 'pass' in unit ? lowerPass(c, unit.pass) : lowerNode(c, unit.node);
    if (!done) lower(c.l, [unit], c.v);
    for (const step of c.l.steps.slice(before)) step.makes ??= madeBy(unit);
  }
}

function lowerNode(c: Context, node: CoreNode): boolean {
  const shape = node.inputs[0] === undefined ? [] : c.v.type(node.inputs[0]).shape;
  switch (node.op) {
    case 'conv':
      if (isLinear(c, node)) lowerLinear(c, node as CoreNode<'conv'>);
      else if (isImage(shape) && isConstant(c, node.inputs[1])) lowerConv(c, node as CoreNode<'conv'>);
      else lowerElsewhere(c, node as CoreNode<'conv'>);
      return true;
    case 'maxPool':
      if (!isImage(shape)) return false;
      lowerMaxPool(c, node as CoreNode<'maxPool'>);
      return true;
    case 'positions':
      lowerPositions(c, node as CoreNode<'positions'>);
      return true;
    case 'slice':
      return isImage(shape) && lowerSlice(c, node as CoreNode<'slice'>);
    case 'pad':
      return lowerPad(c, node as CoreNode<'pad'>);
    case 'reshape':
      return isImage(c.v.type(node.outputs[0]).shape) && lowerReshape(c, node as CoreNode<'reshape'>);
    case 'concat':
      return isImage(c.v.type(node.outputs[0]).shape) && lowerConcat(c, node as CoreNode<'concat'>);
    case 'matmul':
      lowerProduct(c, node as CoreNode<'matmul'>);
      return true;
    case 'gather':
      lowerGather(c, node);
      return true;
    case 'scan':
      lowerScan(c.l, node as CoreNode<'scan'>, c.v, (nodes, kept, v) => lowerBody({ ...c, v }, nodes, kept));
      return true;
    default:
      return false;
  }
}

/** The body of a loop: what is known of its values is known for one moment only. */
function lowerBody(c: Context, body: readonly CoreNode[], kept: ReadonlySet<string>): void {
  const { nodes, tails } = takeInTails(body, c.v.type, kept);
  const residuals = onlyResiduals(nodes, tails, kept);
  const own = { ...c, tails, residuals, phased: new Map(c.phased), widened: new Map(c.widened) };
  lowerPlanes(own, fuse(nodes, c.v.type, kept));
}

function lowerGather(c: Context, node: CoreNode): void {
  const [name] = node.outputs;
  const [table, indices] = node.inputs.map((input) => c.v.place(input));
  const rows = densePlace(c.l, table);
  const y = fresh(c.v.type(name).shape, false);
  const [count, width] = y.shape;
  c.l.call.lookup({
    table: { buffer: rows.buffer },
    index: { buffer: indices.buffer },
    indexOffset: indices.offset,
    y: { buffer: y.buffer },
    rows: table.shape[0],
    width,
    count,
    indexStep: indices.strides[0],
  });
  c.v.put(name, y);
}

/** By the engine's kernels, which know no tails. */
function lowerElsewhere(c: Context, node: CoreNode<'conv'>): void {
  const { residual, low, high } = c.tails.get(node)!;
  const inputs = node.inputs.filter((name, i) => i < 2 || name !== residual);
  const [output] = node.outputs;
  lower(c.l, [{ node: { ...node, inputs } }], c.v);
  const own = c.v.place(output);
  const bounded = (x: Expression): Expression => {
    const above = low === Number.NEGATIVE_INFINITY ? x : call('max', x, low);
    return high === Number.POSITIVE_INFINITY ? above : call('min', above, high);
  };
  const expression = bounded(residual ? call('add', input(0), input(1)) : input(0));
  if (typeof expression === 'object' && 'input' in expression) return;
  const operands = residual ? [own, c.v.place(residual)] : [own];
  const place = wholePlace({ laned: false, size: sizeOf(own.shape) }, own.shape);
  lowerMap(c.l, own.shape, operands, [{ expression, how: 'store', place }], false);
  c.v.put(output, place);
}

/** Every s-th row and column of an image is one of the phases that convolutions of stride s read. */
function lowerSlice(c: Context, node: CoreNode<'slice'>): boolean {
  const { starts, steps, sizes } = node.options;
  const [name] = node.inputs;
  const made = c.phased.get(phasesKey(name, steps.slice(2)));
  const x = c.v.place(name);
  if (!made || starts[1] !== 0 || steps[1] !== 1 || sizes[1] !== x.shape[1]) return false;
  const plane = c.held.get(made.buffer)!;
  const [row, column] = starts.slice(2);
  const whole = [0, 1].every(
    (i) => starts[i + 2] < steps[i + 2] && sizes[i + 2] === phaseSize(x.shape[i + 2], steps[i + 2]),
  );
  if (!whole) return false;
  const offset = made.offset + (row * steps[3] + column) * channelStride(plane);
  c.v.put(node.outputs[0], { ...made, offset, shape: sizes });
  return true;
}

/** Channels of zeros around a residual are said by its offsets. */
function lowerPad(c: Context, node: CoreNode<'pad'>): boolean {
  const { before, after, value } = node.options;
  const [name] = node.outputs;
  const channelsOnly = [...before, ...after].every((n, i) => n === 0 || (n > 0 && i % before.length === 1));
  if (!c.residuals.has(name) || value !== 0 || !channelsOnly || before.length !== 4) return false;
  c.widened.set(name, { place: c.v.place(node.inputs[0]), before: before[1] });
  return true;
}
