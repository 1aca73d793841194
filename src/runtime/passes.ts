/** Lowers element-wise formulas and sums over images that lie in planes. */
import { compileExpressions, lowerFill, lowerMap, type Pass, type Place } from '../engine/lowering/index.js';
import { anyNumber, call, type Expression, exactly, input, type Range, rangeOf } from '../graph/index.js';
import { floats, sizeOf } from '../onnx/index.js';
import { at, type Context, hold, planeAt } from './context.js';
import { channelStride, isImage, type Plane } from './planes.js';

/**
 * A formula over planes that lie alike keeps them: it runs over the whole of them in one go, borders and all; where it is not proved to
 * make 0 of their zeros, only where a plane of ones says so. Sums over the image are taken likewise. What has one number a channel is
 * spread over the plane.
 */
export function lowerPass(c: Context, pass: Pass): boolean {
  if (!isImage(pass.shape)) return false;
  const operands = pass.operands.map((name) => c.v.place(name));
  const full = operands.filter((p) => sizeOf(p.shape.slice(-2)) > 1);
  const [first] = full;
  const plane = first && planeAt(c, first);
  const alike =
    plane &&
    first.shape[1] === pass.shape[1] &&
    plane.height === pass.shape[2] &&
    plane.width === pass.shape[3] &&
    full.every(
      (p) => isWhole(c, p) && `${p.strides}` === `${first.strides}` && `${p.shape}` === `${first.shape}`,
    );
  const ranges = pass.operands.map((name, i) => (full.includes(operands[i]) ? exactly(0) : rangeIn(c, name)));
  const zeroed = pass.results.every(({ expression }) => {
    const { low, high, defined } = rangeOf(expression, ranges);
    return low === 0 && high === 0 && defined;
  });
  const stores = pass.results.every((r) => r.how === 'store');
  const sums = pass.results.every(
    (r) => r.how === 'sum' && `${c.v.type(r.output).shape.slice(1)}` === `${[pass.shape[1], 1, 1]}`,
  );
  if (!alike || !(stores || sums)) return false;
  const channels = pass.shape[1];
  if (
    zeroed &&
    sums &&
    pass.results.every((r) => factorOf(r.expression) !== undefined) &&
    operands.length === 1
  ) {
    for (const r of pass.results) lowerSum(c, first, plane, r.output, factorOf(r.expression)!);
    return true;
  }
  const flat = operands.map((p) => (full.includes(p) ? flattened(p, plane) : perChannel(p)));
  const inside = (e: Expression): Expression => (zeroed ? e : call('choose', input(operands.length), e, 0));
  const expressions = pass.results.map((r) => inside(r.expression));
  if (!zeroed) flat.push(pixelsOf(c, plane));
  if (!compileExpressions(expressions, flat.length)) return false;
  const results = pass.results.map((r, i) => {
    const place = stores ? hold(c, channels, plane) : onePerChannel(channels);
    c.v.put(r.output, place);
    if (stores && plane.margin > 0)
      lowerFill(c.l, { ...place, offset: 0, shape: [plane.margin], strides: [1] }, 0);
    return {
      ...r,
      expression: expressions[i],
      place: stores ? flattened(place, plane) : { ...place, shape: [channels, 1], strides: [1, 1] },
    };
  });
  // Sums end where the pixels do: behind them lies what the last row's last vector left.
  const size = stores ? channelStride(plane) : plane.run;
  const cut = flat.map((p) => (p.shape[1] === 1 ? p : { ...p, shape: [p.shape[0], size] }));
  lowerMap(c.l, [channels, size], cut, results, false);
  return true;
}

/** Between which numbers a value lies, where it is known. */
function rangeIn(c: Context, name: string): Range {
  const { constant } = c.v.type(name);
  if (!constant) return anyNumber;
  let [low, high] = [Infinity, -Infinity];
  for (const value of floats(constant)) {
    if (Number.isNaN(value)) return { low: -Infinity, high: Infinity, defined: false };
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { low, high, defined: true };
}

/** 1 at each pixel of a plane, 0 around them; the same for all channels. */
function pixelsOf(c: Context, plane: Plane): Place {
  const size = channelStride(plane);
  const ones = new Float32Array(size);
  for (let row = 0; row < plane.height; row++)
    ones.fill(1, row * plane.pitch, row * plane.pitch + plane.width);
  return { buffer: c.l.table(ones), offset: 0, shape: [1, size], strides: [0, 1] };
}

/** Of an operand, or of an operand times a number: the number. */
function factorOf(e: Expression): number | undefined {
  if (typeof e === 'number') return undefined;
  if ('input' in e) return 1;
  if (!('f' in e) || e.f !== 'mul') return undefined;
  const number = e.of.find((x) => typeof x === 'number');
  const other = e.of.find((x) => typeof x === 'object' && 'input' in x);
  return other === undefined ? undefined : (number as number | undefined);
}

function lowerSum(c: Context, x: Place, plane: Plane, output: string, factor: number): void {
  const [, channels] = x.shape;
  const y = onePerChannel(channels);
  c.l.call.planeSum({
    x: at(x),
    y: { buffer: y.buffer },
    channels,
    xChannel: channelStride(plane),
    run: plane.run,
    factor,
  });
  c.v.put(output, y);
}

const onePerChannel = (channels: number): Place => ({
  buffer: { laned: false, size: channels },
  offset: 0,
  shape: [1, channels, 1, 1],
  strides: [channels, 1, 1, 1],
});

/** Planes one after another, as they are made; not phases or every other channel. */
function isWhole(c: Context, p: Place): boolean {
  const plane = planeAt(c, p);
  return plane !== undefined && p.strides[1] === channelStride(plane);
}

const flattened = (p: Place, plane: Plane): Place => ({
  ...p,
  shape: [p.shape[1], channelStride(plane)],
  strides: [p.strides[1], 1],
});

const perChannel = (p: Place): Place => {
  const lead = 4 - p.shape.length;
  const channel = 1 - lead;
  const size = p.shape[channel] ?? 1;
  return { ...p, shape: [size, 1], strides: [p.strides[channel] ?? 0, 0] };
};
