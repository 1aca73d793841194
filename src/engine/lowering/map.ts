/** Lowers formulas over strided places to the map kernel: which axes are outer, which inner, which merge. */
import { type Expression, input, substitute } from '../../graph/index.js';
import { sizeOf } from '../../onnx/index.js';
import { type Axis, isReduced, merge, pad, splitStores, targetStride } from './axes.js';
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

/** Lines of work for an item at most, unless a single row has more. */
const ITEM_LINES = 2048;
/** Items that rows are spread over, so that threads share them. */
const LEAST_ITEMS = 8;
/** No loop of kernels/formulas.c. */
const NO_FORMULA = -1;

/** One pass over an iteration space. */
interface Whole {
  shape: readonly number[];
  operands: readonly Place[];
  results: readonly Result[];
  /** Whether lanes beyond the valid samples are stored as 0 and left out of sums across lanes. */
  masked: boolean;
}

/** The axes of a pass as the kernel walks them. */
interface Walk {
  outer: Axis[];
  inner: Axis[];
  /** Whether anything is laned; otherwise sixteen neighbours of the innermost axis share a line. */
  laned: boolean;
  /** Whether results are sums or maxima. */
  reducing: boolean;
  /** Which axes of the shape are reduced. */
  reduced: readonly boolean[];
}

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
  const whole: Whole = { shape, operands, results, masked };
  const walk = walkOver(l, whole);
  const { outer, inner, reducing } = walk;
  if (outer.length <= MAP_ROW_AXES && inner.length <= MAP_INNER_AXES) emitMap(l, whole, walk, loop);
  else if (reducing && !operands.every(isDense)) lowerStored(l, whole, walk);
  else if (outer.length > MAP_ROW_AXES || !reducing) lowerParts(l, whole, walk);
  else lowerStages(l, whole, walk);
}

/** Whether any of these differ from sample to sample. */
const anyLaned = ({ operands, results }: Whole): boolean =>
  [...operands, ...results.map((r) => r.place)].some((p) => p.buffer.laned);

/** Which axes are outer, which inner: those that are reduced, or where nothing is the last. */
function walkOver(l: MapLowering, whole: Whole): Walk {
  const { shape, operands, results } = whole;
  const laned = anyLaned(whole);
  const reducing = results.find((r) => r.how !== 'store');
  const axes = axesOf(l, whole, laned);
  const reduced = reducing
    ? isReduced(axes, shape, reducing.place, laned && reducing.across === true)
    : axes.map(() => false);
  let outer = merge(axes.filter((_, i) => !reduced[i]));
  let inner = merge(axes.filter((_, i) => reduced[i]));
  if (!reducing) [outer, inner] = splitStores(outer, laned);
  const still = [...operands, ...results].map(() => 0);
  if (inner.at(-1)?.block) inner.push({ size: 1, strides: still });
  return {
    ...{ outer, inner, laned },
    reducing: reducing !== undefined,
    reduced: laned ? reduced.slice(1) : reduced,
  };
}

/** The axes of the shape, behind one over the blocks of samples where anything is laned. */
function axesOf(l: MapLowering, { shape, operands, results }: Whole, laned: boolean): Axis[] {
  const spread = operands.map((p) => broadcasted(p, shape));
  const axes: Axis[] = shape.map((size, i) => ({
    size,
    strides: [...spread.map((p) => p.strides[i]), ...results.map((r) => targetStride(r.place, shape, i))],
  }));
  const strides = [...operands, ...results.map((r) => r.place)].map(blockStride);
  return laned ? [{ size: l.blocks, strides, block: true }, ...axes] : axes;
}

/** Calls the kernel, by the loop of kernels/formulas.c where there is one. */
function emitMap(l: MapLowering, { operands, results, masked }: Whole, walk: Walk, loop: number): void {
  const { outer, inner, laned } = walk;
  const code = compileExpressions(
    results.map((r) => r.expression),
    operands.length,
  );
  if (!code) throw new Error('A formula needs too many registers');
  const axes = [...pad(outer, MAP_ROW_AXES), ...pad(inner, MAP_INNER_AXES)];
  const last = axes.at(-1);
  const elements = last?.size ?? 1;
  const innerLines = laned ? elements : Math.ceil(elements / LANES);
  const sizes = [...axes.slice(0, -1).map((axis) => axis?.size ?? 1), innerLines];
  const rows = sizeOf(sizes.slice(0, MAP_ROW_AXES));
  const lines = sizeOf(sizes.slice(MAP_ROW_AXES));
  const strides = (k: number) => axes.map((axis) => axis?.strides[k] ?? 0);
  l.call.map({
    rowsPerItem: Math.max(1, Math.min(Math.floor(ITEM_LINES / lines), Math.ceil(rows / LEAST_ITEMS))),
    valid: masked && laned ? { buffer: l.valid } : undefined,
    plain: laned ? 0 : 1,
    blockAxis: axes.findIndex((axis) => axis?.block),
    elements,
    formula: laned && fits(last, operands, results) ? loop : NO_FORMULA,
    sizes,
    operands: operands.map((p, k) => ({ ...head(p), strides: strides(k) })),
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

/** Results stored without being reduced, each in a place of this shape. */
const storedIn = (shape: readonly number[], laned: boolean): Place =>
  wholePlace({ laned, size: sizeOf(shape) }, shape);

/** Reduces what was stored before: the k-th result is the k-th operand. */
const reducedAgain = (results: readonly Result[]): Result[] =>
  results.map((r, k) => ({ ...r, expression: input(k) }));

/** In two maps: what the first one makes has the shape `between`, and the second one reduces it. */
function lowerTwice(
  l: MapLowering,
  { shape, operands, results, masked }: Whole,
  { between, laned, how }: { between: readonly number[]; laned: boolean; how?: Result['how'] },
): void {
  const first = results.map(
    (r): Result => ({ ...r, how: how ?? r.how, across: false, place: storedIn(between, laned) }),
  );
  lowerMap(l, shape, operands, first, masked);
  lowerMap(
    l,
    between,
    first.map((r) => r.place),
    reducedAgain(results),
    masked,
  );
}

/** A reduction over more axes than the kernel has: what is reduced is stored first, densely, so that its axes merge. */
const lowerStored = (l: MapLowering, whole: Whole, { laned }: Walk): void =>
  lowerTwice(l, whole, { between: whole.shape, laned, how: 'store' });

/** Where there are more axes than the kernel has: a map for each position of the shortest that is not reduced. */
function lowerParts(l: MapLowering, { shape, operands, results, masked }: Whole, { reduced }: Walk): void {
  const sizes = shape.map((size, i) => (size > 1 && !reduced[i] ? size : Number.POSITIVE_INFINITY));
  const axis = sizes.indexOf(Math.min(...sizes));
  const rest = shape.toSpliced(axis, 1);
  const own = rest.map((size, k) => (reduced.toSpliced(axis, 1)[k] ? 1 : size));
  const spread = operands.map((p) => broadcasted(p, shape));
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
    lowerMap(
      l,
      rest,
      spread.map((p) => part(p, rest)),
      results.map((r) => ({ ...r, place: part(r.place, own) })),
      masked,
    );
  }
}

/** Where more axes are reduced than the kernel has: the first of them by itself, then the others. */
function lowerStages(l: MapLowering, whole: Whole, { laned, reduced }: Walk): void {
  const first = reduced.findIndex((one, i) => one && whole.shape[i] > 1);
  lowerTwice(l, whole, { between: whole.shape.with(first, 1), laned });
}

/** Operands in the order of the formula's letters, and its number, where the kernels have a loop for it; else NO_FORMULA. */
function inOrder(l: MapLowering, operands: readonly Place[], results: readonly Result[]) {
  const formula = formulaOf(
    results.map((r) => r.expression),
    operands.length,
  );
  const loop = formula && l.machine.formulas.get(formula.text);
  if (loop === undefined) return { operands, results, loop: NO_FORMULA };
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

/** Copies one place into another of the same shape. */
export function lowerCopy(l: MapLowering, from: Place, to: Place): void {
  if (l.copy?.(from, to)) return;
  lowerMap(l, to.shape, [from], [{ expression: input(0), how: 'store', place: to }], false);
}

/** Sets a place to a number. */
export function lowerFill(l: MapLowering, to: Place, value: number): void {
  lowerMap(l, to.shape, [], [{ expression: value, how: 'store', place: to }], false);
}
