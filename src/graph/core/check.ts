/** What core operators ask of their operands and options. */
import { sizeOf } from '../../onnx/index.js';
import type { Window } from '../core.js';
import type { Must, Shape } from './operator.js';

export const same = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((dim, i) => dim === b[i]);

export const isCount = (n: number): boolean => Number.isInteger(n) && n >= 0;

/** Gradients pad by less than nothing where an image had a rest. */
export const mustBeWindow = (must: Must, w: Window, rank: number): void => {
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
export const mustBeCounted = (must: Must, entries: readonly number[]): void =>
  must(entries.reduce((sum, n) => sum + n, 0) <= mostLooked, `a window over more than ${mostLooked} places`);

export const perAxis = ({ kernel }: Window, spatial: Shape): number[] => [
  ...kernel.map((k, i) => k * spatial[i]),
  sizeOf(spatial),
];

export const mustBeGroups = (must: Must, groups: number, x: Shape, w: Shape): void => {
  must(isCount(groups) && groups > 0 && w[0] % groups === 0, `${groups} groups do not part it`);
  must(x.length === w.length && x.length > 2 && !w.includes(0), 'weights do not fit');
};
