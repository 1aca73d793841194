/** Lowers formulas over strided places to the map kernel: which axes are outer, which inner, which merge. */
import { type Expression, input, substitute } from '../../graph/index.js';
import { sizeOf } from '../../onnx/index.js';
import { MAP_INNER_AXES, MAP_ROW_AXES, RESULTS } from './contract.js';
import { formulaOf } from './formulas.js';
import { compileExpressions } from './instructions.js';
import { broadcasted, isDense, LANES, type Place, wholePlace } from './place.js';
import { blockStride, type MapLowering } from './steps.js';

export interface Result {
  expression: Expression;
  how: 'store' | 'sum' | 'max';
  /** Where it goes; for sums and maxima the reduced axes have one element. */
  place: Place;
  /** Whether lanes are reduced too. */
  across?: boolean;
}

interface Axis {
  size: number;
  /** Per operand, then per result. */
  strides: number[];
  block?: boolean;
}

/** Lines of work for an item, at least. */
const ITEM_LINES = 2048;

/**
 * Emits one pass over the iteration space `shape` computing all results, which are all stores, or all reductions of the
 * same axes. A reduction over more axes than the kernel has is stored first, where its axes lie densely and merge.
 * @param masked lanes beyond the valid samples are stored as 0 and left out of sums across lanes.
 */
export function lowerMap(
  l: MapLowering,
  shape: readonly number[],
  given: readonly Place[],
  wanted: readonly Result[],
  masked: boolean,
): void {
  const { operands, results, loop } = inOrder(l, given, wanted);
  const laned = [...operands, ...results.map((r) => r.place)].some((p) => p.buffer.laned);
  const spread = operands.map((p) => broadcasted(p, shape));
  const reducing = results.find((r) => r.how !== 'store');
  const axes: Axis[] = shape.map((size, i) => ({
    size,
    strides: [...spread.map((p) => p.strides[i]), ...results.map((r) => targetStride(r.place, shape, i))],
  }));
  if (laned) {
    const strides = [...operands.map(blockStride), ...results.map((r) => blockStride(r.place))];
    axes.unshift({ size: l.blocks, strides, block: true });
  }
  const reduced = reducing ? isReduced(axes, shape, reducing, laned) : axes.map(() => false);
  let outer = merge(axes.filter((_, i) => !reduced[i]));
  let inner = merge(axes.filter((_, i) => reduced[i]));
  if (!reducing) [outer, inner] = splitStores(outer, laned);
  if (inner.at(-1)?.block) inner.push({ size: 1, strides: inner[0].strides.map(() => 0) });
  const tooMany = outer.length > MAP_ROW_AXES || inner.length > MAP_INNER_AXES;
  if (tooMany && reducing && !operands.every(isDense)) {
    const stored = results.map((r) => ({
      ...r,
      how: 'store' as const,
      across: false,
      place: wholePlace({ laned, size: sizeOf(shape) }, shape),
    }));
    lowerMap(l, shape, operands, stored, masked);
    const places = stored.map((r) => r.place);
    lowerMap(
      l,
      shape,
      places,
      results.map((r, k) => ({ ...r, expression: input(k) })),
      masked,
    );
    return;
  }
  if (tooMany) {
    const free = outer.length > MAP_ROW_AXES || !reducing;
    const ofShape = laned ? reduced.slice(1) : reduced;
    if (free) lowerParts(l, { shape, operands: spread, results, masked, reduced: ofShape });
    else lowerStages(l, { shape, operands, results, masked, reduced: ofShape });
    return;
  }

  const code = compileExpressions(
    results.map((r) => r.expression),
    operands.length,
  );
  if (!code) throw new Error('A formula needs too many registers');
  const places = [...pad(outer, MAP_ROW_AXES), ...pad(inner, MAP_INNER_AXES)];
  const last = places.at(-1);
  const elements = last?.size ?? 1;
  const innerLines = laned ? elements : Math.ceil(elements / LANES);
  const sizes = [...places.slice(0, -1).map((a) => a?.size ?? 1), innerLines];
  const rows = sizeOf(sizes.slice(0, MAP_ROW_AXES));
  const lines = sizeOf(sizes.slice(MAP_ROW_AXES));
  const strides = (k: number) => places.map((a) => a?.strides[k] ?? 0);
  l.call.map({
    rowsPerItem: Math.max(1, Math.min(Math.floor(ITEM_LINES / lines), Math.ceil(rows / 8))),
    valid: masked && laned ? { buffer: l.valid } : undefined,
    plain: laned ? 0 : 1,
    blockAxis: places.findIndex((a) => a?.block),
    elements,
    formula: laned && fits(last, operands, results) ? loop : -1,
    sizes,
    operands: spread.map((p, k) => ({ ...head(p), strides: strides(k) })),
    outputs: results.map((r, q) => ({
      ...head(r.place),
      strides: strides(operands.length + q),
      from: code.results[q],
      how: RESULTS[r.how],
      across: r.across ? 1 : 0,
    })),
    instructions: code.instructions,
  });
}

interface Whole {
  shape: readonly number[];
  operands: readonly Place[];
  results: readonly Result[];
  masked: boolean;
  /** Which axes of the shape are reduced. */
  reduced: readonly boolean[];
}

/** Where there are more axes than the kernel has: a map for each position of the shortest that is not reduced. */
function lowerParts(l: MapLowering, { shape, operands, results, masked, reduced }: Whole): void {
  const sizes = shape.map((size, i) => (size > 1 && !reduced[i] ? size : Number.POSITIVE_INFINITY));
  const axis = sizes.indexOf(Math.min(...sizes));
  const rest = shape.toSpliced(axis, 1);
  for (let i = 0; i < shape[axis]; i++) {
    const part = (p: Place, own: readonly number[]): Place => {
      const strides = shape.map((_, k) => targetStride(p, shape, k));
      return {
        buffer: p.buffer,
        offset: p.offset + i * strides[axis],
        shape: own,
        strides: strides.toSpliced(axis, 1),
      };
    };
    const own = rest.map((size, k) => (reduced.toSpliced(axis, 1)[k] ? 1 : size));
    lowerMap(
      l,
      rest,
      operands.map((p) => part(p, rest)),
      results.map((r) => ({ ...r, place: part(r.place, own) })),
      masked,
    );
  }
}

/** Where more axes are reduced than the kernel has: the first of them by itself, then the others. */
function lowerStages(l: MapLowering, { shape, operands, results, masked, reduced }: Whole): void {
  const laned = [...operands, ...results.map((r) => r.place)].some((p) => p.buffer.laned);
  const less = shape.with(
    reduced.findIndex((one, i) => one && shape[i] > 1),
    1,
  );
  const stages = results.map((r) => ({
    ...r,
    across: false,
    place: wholePlace({ laned, size: sizeOf(less) }, less),
  }));
  lowerMap(l, shape, operands, stages, masked);
  lowerMap(
    l,
    less,
    stages.map((r) => r.place),
    results.map((r, k) => ({ ...r, expression: input(k) })),
    masked,
  );
}

/** Operands in the order of the formula's letters, and its number, where the kernels have a loop for it; else −1. */
function inOrder(l: MapLowering, operands: readonly Place[], results: readonly Result[]) {
  const formula = formulaOf(
    results.map((r) => r.expression),
    operands.length,
  );
  const loop = formula && l.machine.formulas.get(formula.text);
  if (loop === undefined) return { operands, results, loop: -1 };
  const order = formula!.operands;
  const renamed = (e: Expression) => substitute(e, (k) => input(order.indexOf(k)));
  return {
    operands: order.map((k) => operands[k]),
    results: results.map((r) => ({ ...r, expression: renamed(r.expression) })),
    loop,
  };
}

/** Whether a loop of kernels/formulas.c can walk the innermost axis: line after line, or staying where it is. */
function fits(last: Axis | undefined, operands: readonly Place[], results: readonly Result[]): boolean {
  const strides = last?.strides ?? [];
  return (
    last !== undefined &&
    !last.block &&
    operands.every((p, k) => strides[k] === 0 || (strides[k] === 1 && p.buffer.laned)) &&
    (results.length === 1
      ? results[0].how === 'store' && results[0].place.buffer.laned && strides[operands.length] === 1
      : results.every((r) => r.how === 'sum'))
  );
}

const head = (p: Place) => ({
  line: { buffer: p.buffer },
  offset: p.offset,
  plain: p.buffer.laned ? 0 : 1,
});

/** A result's stride along axis i of the iteration space (0 where it is reduced). */
function targetStride(p: Place, shape: readonly number[], i: number): number {
  const lead = shape.length - p.shape.length;
  return i < lead || p.shape[i - lead] !== shape[i] ? 0 : p.strides[i - lead];
}

function isReduced(axes: readonly Axis[], shape: readonly number[], r: Result, laned: boolean): boolean[] {
  const lead = axes.length - shape.length;
  const rank = shape.length - r.place.shape.length;
  return axes.map((_, i) => {
    if (i < lead) return laned && r.across === true;
    const at = i - lead;
    return at < rank || r.place.shape[at - rank] !== shape[at];
  });
}

/** Drops axes of one element and merges neighbours that every place walks through in one stride. The block axis stays. */
function merge(axes: readonly Axis[]): Axis[] {
  const merged: Axis[] = [];
  for (const axis of axes) {
    if (axis.size === 1 && !axis.block) continue;
    const last = merged.at(-1);
    if (last && !last.block && last.strides.every((s, k) => s === axis.strides[k] * axis.size)) {
      last.size *= axis.size;
      last.strides = axis.strides;
    } else merged.push({ ...axis });
  }
  return merged;
}

/** Stores: the last axis is inner (cut into runs where it is long), the others make rows. */
function splitStores(axes: Axis[], laned: boolean): [Axis[], Axis[]] {
  const last = axes.at(-1);
  if (!last || last.block) return [axes, []];
  const rest = axes.slice(0, -1);
  const unit = laned ? 1 : LANES;
  const run = runLength(last.size, unit, ITEM_LINES / 4);
  const cut: Axis[] =
    run < last.size
      ? [
          { size: last.size / run, strides: last.strides.map((s) => s * run) },
          { ...last, size: run },
        ]
      : [last];
  const all = [...rest, ...cut];
  const outer = all.slice(0, Math.min(MAP_ROW_AXES, all.length - 1));
  return [outer, all.slice(outer.length)];
}

/** The longest divisor of n that is a multiple of `unit` and at most `most` units; n itself where there is none of use. */
function runLength(n: number, unit: number, most: number): number {
  if (n % unit !== 0 || n / unit <= most) return n;
  const units = n / unit;
  for (let d = most; d >= 16; d--) if (units % d === 0) return d * unit;
  return n;
}

const pad = (axes: readonly Axis[], to: number): (Axis | undefined)[] => [
  ...new Array<undefined>(Math.max(0, to - axes.length)).fill(undefined),
  ...axes,
];

/** Copies one place into another of the same shape. */
export function lowerCopy(l: MapLowering, from: Place, to: Place): void {
  if (l.copy?.(from, to)) return;
  lowerMap(l, to.shape, [from], [{ expression: input(0), how: 'store', place: to }], false);
}

/** Sets a place to a number. */
export function lowerFill(l: MapLowering, to: Place, value: number): void {
  lowerMap(l, to.shape, [], [{ expression: value, how: 'store', place: to }], false);
}
