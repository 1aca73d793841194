/** Choosing elements by index: Gather (of constants, of data, of an embedding table) and OneHot. */
import { fail } from '../../base/index.js';
import { attr, floats, ints, sizeOf } from '../../onnx/index.js';
import { call, input } from '../expression.js';
import {
  axisOf,
  constantOf,
  describe,
  type Kept,
  type Operator,
  type Resized,
  required,
  type Site,
} from '../operator.js';
import { damaged, ranked, singles } from './check.js';
import { define } from './define.js';
import { add } from './elementwise.js';
import { constant, expand, pick, pointwise, range, reshape } from './emit.js';
import { selected } from './selected.js';

const x = input(0);

/** Negative indices count from the end. */
const wrapped = (size: number) => call('choose', call('greater', 0, x), add(x, size), x);

/** Indices where they are known; their axes stand in the result from `axis` on. */
function remapped(site: Site, table: Kept, y: Kept): Resized {
  const places = required(site, 1);
  if (!places.constant) return {};
  const { shape } = required(site, 0);
  const axis = axisOf(site, attr.int(site.node, 'axis', 0), shape.length);
  const list = ints(places.constant);
  const kept = y.slice(axis, axis + places.shape.length);
  const whole = kept.every(({ length }, i) => length === places.shape[i]);
  if (whole && table[axis].length === shape[axis]) return {};
  let flat = [0];
  for (const [i, positions] of kept.entries()) {
    flat = flat.flatMap((at) => positions.map((p) => at * places.shape[i] + p));
  }
  const values = flat.map((at) => table[axis].indexOf((list[at] + shape[axis]) % shape[axis]));
  return { settings: { 1: { shape: kept.map(({ length }) => length), values } } };
}

const gather: Operator = define({
  takes: 'V I -> 1',
  check: (site) => ranked(site, 0, 1),
  roles: { 0: { is: 'table' } },
  settings: [1],
  resize: (site, [table], [y]) => remapped(site, table!, y),
  expand(site, [table, indices], b) {
    const { shape } = required(site, 0);
    const places = required(site, 1);
    const axis = axisOf(site, attr.int(site.node, 'axis', 0), shape.length);
    const result = [...shape.slice(0, axis), ...places.shape, ...shape.slice(axis + 1)];
    if (places.constant) {
      const list = ints(places.constant).map((i) => (i < 0 ? i + shape[axis] : i));
      const outside = list.find((i) => i < 0 || i >= shape[axis]);
      if (outside !== undefined) {
        fail(
          `${describe(site.node)} takes element ${outside} of an axis of ${shape[axis]}; the model is damaged, or an input shape was given that it is not made for.`,
        );
      }
      return [reshape(b, pick(b, table, axis, list), result)];
    }
    if (axis !== 0 || required(site, 0).laned) {
      const lead = sizeOf(shape.slice(0, axis));
      const parts = reshape(b, table, [lead, shape[axis], sizeOf(shape.slice(axis + 1))]);
      const count = sizeOf(places.shape);
      const at = expand(b, reshape(b, indices, [1, count]), [lead, count]);
      return [reshape(b, selected(site, b, parts, at), result)];
    }
    const rows = reshape(b, table, [shape[0], sizeOf(shape.slice(1))]);
    const flat = pointwise(b, wrapped(shape[0]), [reshape(b, indices, [sizeOf(places.shape)])]);
    return [reshape(b, b.emit('gather', [rows, flat], {})[0], result)];
  },
});

/** `on` where the axis' position equals the index, `off` elsewhere; `values` is [off, on]. */
const oneHot: Operator = define({
  takes: 'N N2 V -> 1',
  check(site) {
    singles(site, [1]);
    const { shape } = required(site, 2);
    if (shape.length !== 1 || shape[0] !== 2)
      damaged(site, `has values of shape [${shape}], which must be two`);
  },
  settings: [1, 2],
  dtypes: (site) => [required(site, 2).dtype],
  expand(site, [indices], b) {
    const { shape } = required(site, 0);
    const depth = Number(constantOf(site, 1, 'depth')!.data[0]);
    if (!(depth >= 1 && Number.isInteger(depth)))
      damaged(site, `has depth ${depth}, which must be 1 or more`);
    const [off, on] = floats(constantOf(site, 2, 'values')!);
    const axis = axisOf(site, attr.int(site.node, 'axis', -1), shape.length + 1);
    const ladder = constant(
      b,
      range(shape.length + 1).map((i) => (i === axis ? depth : 1)),
      range(depth),
    );
    const column = reshape(b, indices, [...shape.slice(0, axis), 1, ...shape.slice(axis)]);
    const hit = call('equal', wrapped(depth), input(1));
    return [pointwise(b, call('choose', hit, on, off), [column, ladder])];
  },
});

export const gatherOperators: Record<string, Operator> = { Gather: gather, OneHot: oneHot };
