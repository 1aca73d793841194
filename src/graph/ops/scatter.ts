/**
 * Elements and slices by lists of places: ScatterND, GatherND, ScatterElements, GatherElements. Places that are known (slice
 * assignment of PyTorch writes them into the file) make these a choice from rows; for places that are data see selected.ts.
 */
import { fail } from '../../base/index.js';
import { attr, ints, sizeOf } from '../../onnx/index.js';
import type { Build } from '../core.js';
import { call, type Expression, input } from '../expression.js';
import { axisOf, describe, type Operator, required, type Site, Unsupported } from '../operator.js';
import { damaged, ranked, shapeAt, unfit } from './check.js';
import { define } from './define.js';
import { mul } from './elementwise.js';
import { constant, pick, pointwise, positions, type Row, range, reshape, slice, transpose } from './emit.js';
import { rowsAt, scattered, selected } from './selected.js';

interface Places {
  shape: readonly number[];
  list: number[];
}

/** The places that input 1 holds, where they are known. */
function placesOf(site: Site): Places | undefined {
  const { shape, constant: known } = required(site, 1);
  return known && { shape, list: ints(known) };
}

const reductionOf = ({ node, opset }: Site): string =>
  opset < 16 ? 'none' : attr.string(node, 'reduction', 'none');

/** A place along an axis, counted from the front. */
function within(site: Site, place: number, size: number): number {
  const at = place < 0 ? place + size : place;
  if (at >= 0 && at < size) return at;
  return fail(
    `${describe(site.node)} writes to position ${place} of an axis of ${size}; the model is damaged, or an input shape was given that it is not made for.`,
  );
}

/** Of every index of `depth` numbers, which row it means of a value whose first `depth` axes are `sizes`. */
const rowsOf = (site: Site, list: readonly number[], sizes: readonly number[]): number[] =>
  range(sizes.length ? list.length / sizes.length : 1).map((k) =>
    sizes.reduce((row, size, axis) => row * size + within(site, list[k * sizes.length + axis], size), 0),
  );

/** Of every element that indices along one axis name, which element of the whole value it is. */
function elementsOf(site: Site, { shape, list }: Places): number[] {
  const whole = required(site, 0).shape;
  const at = axisOf(site, attr.int(site.node, 'axis', 0), whole.length);
  const index = shape.map(() => 0);
  return list.map((place) => {
    const element = whole.reduce(
      (flat, size, axis) => flat * size + (axis === at ? within(site, place, size) : index[axis]),
      0,
    );
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
    return element;
  });
}

/** What reductions begin with, and how they go on. */
const reductions: Record<string, { neutral: number; with: (a: Expression, b: Expression) => Expression }> = {
  mul: { neutral: 1, with: mul },
  min: { neutral: Infinity, with: (a, b) => call('min', a, b) },
  max: { neutral: -Infinity, with: (a, b) => call('max', a, b) },
};

/** Rows of a matrix replaced by, or reduced with, those of another one; of several for one row the last stays. */
function scatter(
  b: Build,
  site: Site,
  [data, updates]: [string, string],
  targets: readonly number[],
): string {
  const [rows] = b.type(data).shape;
  const how = reductionOf(site);
  const joined = (first: string) => b.emit('concat', [first, updates], { axis: 0 })[0];
  if (targets.length === 0) return data;
  if (how === 'none') {
    const list = range(rows);
    targets.forEach((row, j) => {
      list[row] = rows + j;
    });
    return pick(b, joined(data), 0, list);
  }
  if (how === 'add') {
    const table = range(rows).map((row): [number, number][] => [[row, 1]]);
    targets.forEach((row, j) => {
      table[row].push([rows + j, 1]);
    });
    return positions(b, joined(data), 0, table satisfies Row[]);
  }
  const { neutral, with: combine } =
    reductions[how] ??
    fail(`${describe(site.node)} reduces by '${how}', which espalier does not know.`, Unsupported);
  const width = b.type(data).shape[1];
  const idle = constant(b, [1, width], new Array<number>(width).fill(neutral));
  let result = data;
  for (let left = [...targets.entries()]; left.length > 0; ) {
    const first = new Map(left.toReversed().map(([j, row]) => [row, j] as const));
    const list = range(rows).map((row) => (first.has(row) ? first.get(row)! + 1 : 0));
    result = pointwise(b, combine(input(0), input(1)), [result, pick(b, joined(idle), 0, list)]);
    left = left.filter(([j, row]) => first.get(row) !== j);
  }
  return result;
}

const depthOf = (site: Site): number => required(site, 1).shape.at(-1) ?? 0;

/** Indices name so many axes as there are, and updates stand where they point. */
function checkND(site: Site): void {
  const [data, indices, updates] = [0, 1, 2].map((i) => site.inputs[i]?.shape ?? []);
  ranked(site, 0, 1);
  ranked(site, 1, 1);
  const depth = depthOf(site);
  if (depth < 1 || depth > data.length)
    unfit(site, `has indices of ${depth} numbers for a value of shape [${data}]`);
  const wanted = [...indices.slice(0, -1), ...data.slice(depth)];
  if (`${updates}` !== `${wanted}`) unfit(site, `has updates of shape [${updates}] for [${wanted}]`);
}

function checkGatherND(site: Site): void {
  ranked(site, 0, 1);
  ranked(site, 1, 1);
  const [data, indices] = [shapeAt(site, 0), shapeAt(site, 1)];
  const batch = attr.int(site.node, 'batch_dims', 0);
  if (!(batch >= 0 && batch < Math.min(data.length, indices.length)))
    damaged(site, `has batch_dims ${batch} for shapes [${data}] and [${indices}]`);
  const depth = depthOf(site);
  const alike = `${data.slice(0, batch)}` === `${indices.slice(0, batch)}`;
  if (depth < 1 || batch + depth > data.length || !alike)
    unfit(site, `takes indices of shape [${indices}] from a value of shape [${data}]`);
}

/** Indices have the axes of the value, and away from the one that they index, no more places. */
function checkElements(site: Site): void {
  ranked(site, 0, 1);
  const [data, indices] = [shapeAt(site, 0), shapeAt(site, 1)];
  const axis = axisOf(site, attr.int(site.node, 'axis', 0), data.length);
  if (indices.length !== data.length || !indices.every((dim, i) => i === axis || dim <= data[i]))
    unfit(site, `has indices of shape [${indices}] for a value of shape [${data}]`);
  const updates = site.inputs[2]?.shape;
  if (updates && `${updates}` !== `${indices}`)
    unfit(site, `has updates of shape [${updates}] for indices of shape [${indices}]`);
}

const scatterND: Operator = define({
  takes: 'V L V -> 1',
  check: checkND,
  settings: [1],
  fixed: (site) => [range(depthOf(site)), [], range(required(site, 1).shape.length - 1)],
  expand(site, [data, indices, updates], b) {
    const { shape } = required(site, 0);
    const known = placesOf(site);
    const depth = depthOf(site);
    const width = sizeOf(shape.slice(depth));
    if (!known) {
      const count = sizeOf(shapeAt(site, 1)) / depth;
      const result = scattered(site, b, {
        data: reshape(b, data, [1, sizeOf(shape.slice(0, depth)), width]),
        places: rowsAt(b, reshape(b, indices, [1, count, depth]), shape.slice(0, depth)),
        updates: reshape(b, updates, [1, count, width]),
        how: reductionOf(site),
      });
      return [reshape(b, result, shape)];
    }
    const targets = rowsOf(site, known.list, shape.slice(0, depth));
    const matrices: [string, string] = [
      reshape(b, data, [sizeOf(shape.slice(0, depth)), width]),
      reshape(b, updates, [targets.length, width]),
    ];
    return [reshape(b, scatter(b, site, matrices, targets), shape)];
  },
});

/** `batch_dims` leading axes are gone through side by side. */
const gatherND: Operator = define({
  takes: 'V L -> 1',
  check: checkGatherND,
  settings: [1],
  fixed: (site) => [range(attr.int(site.node, 'batch_dims', 0) + depthOf(site))],
  expand(site, [data, indices], b) {
    const { shape } = required(site, 0);
    const places = placesOf(site);
    const [batch, depth] = [attr.int(site.node, 'batch_dims', 0), depthOf(site)];
    const [lead, sizes, rest] = [
      shape.slice(0, batch),
      shape.slice(batch, batch + depth),
      shape.slice(batch + depth),
    ];
    const given = shapeAt(site, 1);
    if (!places) {
      const count = sizeOf(given.slice(batch, -1));
      const table = reshape(b, data, [sizeOf(lead), sizeOf(sizes), sizeOf(rest)]);
      const rows = rowsAt(b, reshape(b, indices, [sizeOf(lead), count, depth]), sizes);
      return [reshape(b, selected(site, b, table, rows), [...given.slice(0, -1), ...rest])];
    }
    const found = rowsOf(site, places.list, sizes);
    const each = found.length / sizeOf(lead);
    const rows = found.map((row, k) => Math.floor(k / each) * sizeOf(sizes) + row);
    const matrix = reshape(b, data, [sizeOf(shape.slice(0, batch + depth)), sizeOf(rest)]);
    return [reshape(b, pick(b, matrix, 0, rows), [...places.shape.slice(0, -1), ...rest])];
  },
});

/** The lines along the axis that indices go along, one under another: [lines, places, 1]; and how they lie in the value. */
function linesOf(site: Site) {
  const [shape, given] = [shapeAt(site, 0), shapeAt(site, 1)];
  const axis = axisOf(site, attr.int(site.node, 'axis', 0), shape.length);
  const order = [...range(shape.length).filter((i) => i !== axis), axis];
  const flat = (of: readonly number[]) => [sizeOf(of) / of[axis], of[axis]];
  return {
    /** The part of the value that has lines of indices. */
    whole: given.map((dim, i) => (i === axis ? shape[axis] : dim)),
    flat,
    from: (b: Build, name: string) => reshape(b, transpose(b, name, order), [...flat(b.type(name).shape), 1]),
    back(b: Build, lines: string, of: readonly number[]): string {
      const turned = reshape(
        b,
        lines,
        order.map((i) => of[i]),
      );
      return transpose(
        b,
        turned,
        order.map((_, i) => order.indexOf(i)),
      );
    },
  };
}

/** All axes stay: a place is told by where its index stands. */
const whole = (site: Site): number[][] =>
  site.inputs.map((type, i) => (type && i !== 1 ? range(type.shape.length) : []));

const scatterElements: Operator = define({
  takes: 'V I V -> 1',
  check: checkElements,
  settings: [1],
  fixed: whole,
  expand(site, [data, indices, updates], b) {
    const { shape } = required(site, 0);
    const known = placesOf(site);
    if (!known) {
      const lines = linesOf(site);
      if (`${shape}` !== `${lines.whole}`)
        fail(
          `${describe(site.node)} has fewer places that are data than its value has lines, which espalier does not compute.`,
          Unsupported,
        );
      const result = scattered(site, b, {
        data: lines.from(b, data),
        places: reshape(b, lines.from(b, indices), lines.flat(shapeAt(site, 1))),
        updates: lines.from(b, updates),
        how: reductionOf(site),
      });
      return [lines.back(b, result, shape)];
    }
    const targets = elementsOf(site, known);
    const columns: [string, string] = [
      reshape(b, data, [sizeOf(shape), 1]),
      reshape(b, updates, [targets.length, 1]),
    ];
    return [reshape(b, scatter(b, site, columns, targets), shape)];
  },
});

const gatherElements: Operator = define({
  takes: 'V I -> 1',
  check: checkElements,
  settings: [1],
  fixed: whole,
  expand(site, [data, indices], b) {
    const places = placesOf(site);
    if (!places) {
      const lines = linesOf(site);
      const { shape } = required(site, 0);
      const cropped = slice(
        b,
        data,
        shape.map(() => 0),
        lines.whole,
      );
      const at = reshape(b, lines.from(b, indices), lines.flat(shapeAt(site, 1)));
      return [lines.back(b, selected(site, b, lines.from(b, cropped), at), shapeAt(site, 1))];
    }
    const column = reshape(b, data, [sizeOf(required(site, 0).shape), 1]);
    return [reshape(b, pick(b, column, 0, elementsOf(site, places)), places.shape)];
  },
});

export const scatterOperators: Record<string, Operator> = {
  ScatterND: scatterND,
  GatherND: gatherND,
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  GatherElements: gatherElements,
};
