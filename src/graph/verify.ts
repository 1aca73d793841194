/**
 * What must hold of a core node before anything computes with it: operands that fit, and options that stay inside them. Tables,
 * views and kernels are made of these numbers without a further look. Operators' files refuse what a model gets wrong in words
 * of its own; what gets past them ends here.
 */
import { sizeOf } from '../onnx/tensor.js';
import type { CoreNode, CoreOptions, Type, Window } from './core.js';
import { broadcast, mostElements } from './shapes.js';

type Shape = readonly number[];

const same = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((dim, i) => dim === b[i]);

const isCount = (n: number): boolean => Number.isInteger(n) && n >= 0;

/** A value has more elements than can be counted. */
export class TooLarge extends Error {
  constructor(readonly shape: readonly number[]) {
    super(`[${shape}] has more than ${mostElements} elements`);
  }
}

/** @throws Error where they do not. */
export function verify(
  { op, options }: Pick<CoreNode, 'op' | 'options'>,
  inputs: readonly Type[],
  outputs: readonly Pick<Type, 'shape'>[],
): void {
  const must = (holds: boolean, what: string): void => {
    if (holds) return;
    const shapes = inputs.map(({ shape }) => `[${shape}]`).join(', ');
    throw new Error(`${op} of ${shapes}: ${what}`);
  };
  for (const { shape } of outputs) {
    if (!shape.every(isCount)) must(false, `[${shape}] is no shape`);
    if (sizeOf(shape) > mostElements) throw new TooLarge(shape);
  }
  (rules[op] as Rule | undefined)?.(
    must,
    options,
    inputs.map(({ shape }) => shape),
    outputs.map(({ shape }) => shape),
  );
}

type Must = (holds: boolean, what: string) => void;
type Rule<Options = unknown> = (must: Must, options: Options, inputs: Shape[], outputs: Shape[]) => void;

/** Gradients pad by less than nothing where an image had a rest. */
const mustBeWindow = (must: Must, w: Window, rank: number): void => {
  const counts = [w.kernel, w.strides, w.dilations];
  const lists = [...counts, w.padsBefore, w.padsAfter];
  must(
    lists.every(
      (list) => list.length === rank && list.every((n) => isCount(Math.abs(n)) && Math.abs(n) < 2 ** 31),
    ),
    'the window has numbers that cannot be',
  );
  must(
    counts.flat().every((n) => n > 0),
    'the window has numbers that count nothing',
  );
};

/** Entries of the tables that a window is looked up in, at most. */
const mostLooked = 1e8;

/** Windows are counted out, axis by axis or as a whole, when a model is compiled. */
const mustBeCounted = (must: Must, entries: readonly number[]): void =>
  must(entries.reduce((sum, n) => sum + n, 0) <= mostLooked, `a window over more than ${mostLooked} places`);

const perAxis = ({ kernel }: Window, spatial: Shape): number[] => [
  ...kernel.map((k, i) => k * spatial[i]),
  sizeOf(spatial),
];

const mustBeGroups = (must: Must, groups: number, x: Shape, w: Shape): void => {
  must(isCount(groups) && groups > 0 && w[0] % groups === 0, `${groups} groups do not part it`);
  must(x.length === w.length && x.length > 2 && !w.includes(0), 'weights do not fit');
};

const rules: { [Name in CoreNode['op']]?: Rule<CoreOptions[Name]> } = {
  reduce: (must, { axes }, [x]) =>
    must(new Set(axes).size === axes.length && axes.every((axis) => axis in x), `no axes [${axes}]`),
  reshape: (must, { shape }, [x]) => must(sizeOf(x) === sizeOf(shape), `cannot be [${shape}]`),
  expand: (must, { shape }, [x]) => {
    const joined = broadcast(x, shape);
    must(joined !== undefined && same(joined, shape), `cannot be repeated to [${shape}]`);
  },
  transpose: (must, { order }, [x]) =>
    must(
      same(
        [...order].sort((a, b) => a - b),
        x.map((_, i) => i),
      ),
      `no order [${order}]`,
    ),
  slice(must, { starts, steps, sizes }, [x]) {
    must(
      [starts, steps, sizes].every(({ length }) => length === x.length),
      'not every axis is named',
    );
    const inside = x.every((dim, i) => {
      const ends = [starts[i], starts[i] + (sizes[i] - 1) * steps[i]];
      return sizes[i] === 0 || (Number.isInteger(steps[i]) && ends.every((at) => isCount(at) && at < dim));
    });
    must(
      inside || sizeOf(sizes) === 0,
      `from [${starts}] by [${steps}], [${sizes}] elements are not all there`,
    );
    must(
      steps.every((step) => Math.abs(step) <= mostElements),
      `steps of [${steps}]`,
    );
  },
  pad(must, { before, after }, [x]) {
    must(before.length === x.length && after.length === x.length, 'not every axis is named');
    must(
      [...before, ...after].every((n) => isCount(Math.abs(n))),
      `no padding [${before}], [${after}]`,
    );
    must(
      x.every((dim, i) => dim + Math.min(0, before[i]) + Math.min(0, after[i]) >= 0),
      'more is cut off than there is',
    );
  },
  concat(must, { axis }, inputs) {
    const [first] = inputs;
    must(axis in first, `no axis ${axis}`);
    must(
      inputs.every((x) => x.length === first.length && x.every((dim, i) => i === axis || dim === first[i])),
      `do not join along axis ${axis}`,
    );
  },
  conv(must, { window, groups }, [x, w, bias], [y]) {
    mustBeCounted(must, perAxis(window, y.slice(2)));
    mustBeGroups(must, groups, x, w);
    mustBeWindow(must, window, x.length - 2);
    must(w[1] * groups === x[1] && same(window.kernel, w.slice(2)), 'weights do not fit');
    must(!bias || sizeOf(bias) === w[0], 'the bias does not fit');
  },
  convInput(must, { window, groups, spatial }, [dy, w]) {
    mustBeCounted(must, perAxis(window, spatial));
    mustBeGroups(must, groups, dy, w);
    mustBeWindow(must, window, dy.length - 2);
    must(w[0] === dy[1] && same(window.kernel, w.slice(2)), 'weights do not fit');
    must(spatial.length === window.kernel.length, 'the image has other dimensions');
  },
  convWeight(must, { window, groups }, [x, dy]) {
    mustBeWindow(must, window, x.length - 2);
    must(isCount(groups) && groups > 0 && x[1] % groups === 0 && dy[1] % groups === 0, `${groups} groups`);
  },
  matmul(must, _, [a, b]) {
    must(a.length >= 2 && same(a.slice(0, -2), b.slice(0, -2)), 'the leading dimensions differ');
    must(a[a.length - 1] === b[b.length - 2], 'columns and rows differ');
  },
  maxPool(must, { window }, [x], [y]) {
    mustBeCounted(must, [sizeOf(y.slice(2)) * sizeOf(window.kernel)]);
    must(x.length > 2, 'no image');
    mustBeWindow(must, window, x.length - 2);
  },
  positions(must, { start, from, weight }, [x]) {
    must(x.length === 3 && from.length === weight.length, 'the table does not fit');
    must(start[0] === 0 && start[start.length - 1] === from.length, 'the table does not fit');
    must(
      from.every((i) => i >= 0 && i < x[1]),
      'the table names positions that are not there',
    );
  },
  gather: (must, _, [x, indices]) => must(x.length === 2 && indices.length === 1 && x[0] > 0, 'no table'),
  normalize: (must, _, [x, ...vectors]) =>
    must(x.length > 1 && vectors.every((v) => sizeOf(v) === x[1]), 'vectors do not fit'),
};
