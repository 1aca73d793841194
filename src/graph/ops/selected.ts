/**
 * Elements by places that only a run knows, as at the end of a detector: every place is compared with every element, and what is there is
 * added up. A place that there is not gives 0. The elements have gradients, the places have none.
 */
import { fail } from '../../base/index.js';
import { sizeOf } from '../../onnx/index.js';
import type { Build } from '../core.js';
import { call, input } from '../expression.js';
import { describe, type Site, Unsupported } from '../operator.js';
import { add, mul } from './elementwise.js';
import { constant, cut, pointwise, range, reduce, reshape } from './emit.js';

/** Comparisons that a node may take, for a sample. */
const MOST_COMPARED = 2 ** 30;

/** @throws UserError for more comparisons than a node may take. */
export function checkCompared(site: Site, shape: readonly number[]): void {
  if (sizeOf(shape) <= MOST_COMPARED) return;
  fail(
    `${describe(site.node)} compares each of its places with each of ${shape[2]} elements, which espalier does not compute for so many.`,
    Unsupported,
  );
}

/** Negative places count from the end. */
const wrapped = (size: number) => call('choose', call('greater', 0, input(0)), add(input(0), size), input(0));

/** Places [lead, wanted] of a table [lead, size, width]: [lead, wanted, width]. */
export function selected(site: Site, b: Build, table: string, places: string): string {
  const [lead, size, width] = b.type(table).shape;
  const wanted = b.type(places).shape[1];
  checkCompared(site, [lead, wanted, size, width]);
  const at = reshape(b, pointwise(b, wrapped(size), [places]), [lead, wanted, 1, 1]);
  const hit = call('equal', input(0), input(1));
  const there = pointwise(b, call('choose', hit, input(2), 0), [
    at,
    constant(b, [1, 1, size, 1], range(size)),
    reshape(b, table, [lead, 1, size, width]),
  ]);
  return reshape(b, reduce(b, 'sum', there, [2]), [lead, wanted, width]);
}

interface Scattered {
  /** [lead, size, width] */
  data: string;
  /** [lead, count] */
  places: string;
  /** [lead, count, width] */
  updates: string;
  how: string;
}

/** Rows of a table replaced by updates, no two of which have the same place; or with all of them added. */
export function scattered(site: Site, b: Build, { data, places, updates, how }: Scattered): string {
  const [lead, size, width] = b.type(data).shape;
  const count = b.type(places).shape[1];
  if (how !== 'none' && how !== 'add')
    fail(
      `${describe(site.node)} reduces by '${how}' at places that are data, which espalier does not compute.`,
      Unsupported,
    );
  checkCompared(site, [lead, count, size, width]);
  const at = reshape(b, pointwise(b, wrapped(size), [places]), [lead, count, 1, 1]);
  const rows = constant(b, [1, 1, size, 1], range(size));
  const hit = call('equal', input(0), input(1));
  const there = pointwise(b, call('choose', hit, input(2), 0), [
    at,
    rows,
    reshape(b, updates, [lead, count, 1, width]),
  ]);
  const sum = reshape(b, reduce(b, 'sum', there, [1]), [lead, size, width]);
  if (how === 'add') return pointwise(b, add(input(0), input(1)), [data, sum]);
  const hits = reshape(b, reduce(b, 'max', pointwise(b, hit, [at, rows]), [1]), [lead, size, 1]);
  return pointwise(b, call('choose', input(0), input(1), input(2)), [hits, sum, data]);
}

/** Indices [lead, count, depth] of a value of these sizes as rows of it: [lead, count]. */
export function rowsAt(b: Build, indices: string, sizes: readonly number[]): string {
  const [lead, count] = b.type(indices).shape;
  const parts = sizes.map((size, axis) =>
    pointwise(b, wrapped(size), [reshape(b, cut(b, indices, 2, axis, 1), [lead, count])]),
  );
  return parts.reduce((rows, part, axis) =>
    pointwise(b, add(mul(input(0), sizes[axis]), input(1)), [rows, part]),
  );
}
