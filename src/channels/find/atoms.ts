/**
 * Positions on axes, and which of them go together: a union-find whose classes can be frozen with a reason. An *atom* is a
 * number; the label of an axis is a list of them, one for each position. A view of an axis (a slice, a concatenation, a
 * transpose) is a list of the same atoms, so that only a meeting of two axes costs a union.
 */

import { fail } from '../../base/index.js';

/** One atom for each position of an axis. */
export type Label = Int32Array;

export interface Atoms {
  /** New atoms that nothing is tied to yet. */
  fresh(count: number): Label;
  /** The atom that stands for the class of this one. */
  find(atom: number): number;
  /** Makes two classes one; frozen if either was. */
  join(a: number, b: number): void;
  /** Ties two axes together, position by position. */
  tie(a: Label, b: Label): void;
  /** Says that no position of an axis may be removed, and why; the first reason stays unless a better one is `sure`. */
  freeze(label: Label, reason: string, sure?: boolean): void;
  /** Why the class of an atom is frozen; undefined where it is not. */
  reason(atom: number): string | undefined;
}

/** Atoms, at most: a map of reasons holds no more, and networks with their weights have thousands. */
const MOST_ATOMS = 2 ** 23;

export function atoms(): Atoms {
  const parent: number[] = [];
  const reasons = new Map<number, string>();
  const find = (atom: number): number => {
    let root = atom;
    while (parent[root] !== root) root = parent[root];
    for (let at = atom; at !== root; ) [at, parent[at]] = [parent[at], root];
    return root;
  };
  const join = (a: number, b: number): void => {
    const [x, y] = [find(a), find(b)];
    if (x === y) return;
    const [low, high] = x < y ? [x, y] : [y, x];
    parent[high] = low;
    const reason = reasons.get(low) ?? reasons.get(high);
    if (reason !== undefined) reasons.set(low, reason);
  };
  return {
    find,
    join,
    fresh(count) {
      const first = parent.length;
      if (first + count > MOST_ATOMS)
        fail(
          `The axes of this model have more than ${MOST_ATOMS} positions, too many to follow which of them go together; use smaller inputs, or check the model.`,
        );
      for (let i = 0; i < count; i++) parent.push(first + i);
      return Int32Array.from({ length: count }, (_, i) => first + i);
    },
    tie(a, b) {
      if (a === b) return;
      for (let i = 0; i < a.length; i++) join(a[i], b[i]);
    },
    freeze(label, reason, sure = false) {
      for (const atom of label) {
        const root = find(atom);
        if (sure || !reasons.has(root)) reasons.set(root, reason);
      }
    },
    reason: (atom) => reasons.get(find(atom)),
  };
}
