/**
 * Reshapes, and what else regroups axes: (d1 … dm) → (e1 … en) with equal products.
 *
 * Element n lies at position k(n) of an input axis and l(n) of an output axis. Removing positions S of the one and T of the
 * other is the same removal exactly when k(n) ∈ S ⇔ l(n) ∈ T, which makes S and T unions of *components* of the relation
 * {(k(n), l(n))}: [C, H, W] → [C·H·W] ties c to its H·W places, [768] → [12, 64] ties a head to its 64 places, or a place
 * within a head to its 12 heads. A removal must leave a rectangle on both sides, so one pair of axes of a block can *live*;
 * the others stay whole. Where there is a choice, it is the pair that leaves most to remove, given what is tied and frozen
 * by then; pairs without an alternative come first, since they take nothing away from others.
 *
 * The groups of a convolution are such a block too: its channels are (group, channel within the group), and either whole
 * groups can go (depth-wise, ResNeXt) or the same channel of every group (ShuffleNet).
 */
import type { Atoms, Label } from './atoms.js';

export interface Block {
  from: readonly Label[];
  to: readonly Label[];
  /** The node that regroups, for reasons. */
  where: string;
}

/** The smallest runs of axes with equal products on both sides, axes of size 1 left out; axes by their numbers. */
export function runs(from: readonly number[], to: readonly number[]): [number[], number[]][] {
  const found: [number[], number[]][] = [];
  let [i, j] = [0, 0];
  while (i < from.length || j < to.length) {
    const run: [number[], number[]] = [[], []];
    let [left, right] = [1, 1];
    do {
      if (j >= to.length || (left <= right && i < from.length)) {
        if (from[i] !== 1) run[0].push(i);
        left *= from[i++];
      } else {
        if (to[j] !== 1) run[1].push(j);
        right *= to[j++];
      }
    } while (left !== right || (left === 1 && (i < from.length || j < to.length)));
    found.push(run);
  }
  return found;
}

const product = (labels: readonly Label[]): number => labels.reduce((n, { length }) => n * length, 1);

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** Calls back with every pair of positions that share an element, some of them several times. */
function related({ from, to }: Block, k: number, l: number, pair: (i: number, j: number) => void): void {
  const [s, t] = [product(from.slice(k + 1)), product(to.slice(l + 1))];
  const [d, e] = [from[k].length, to[l].length];
  const step = gcd(s, t);
  const period = (s * d * t * e) / gcd(s * d, t * e);
  for (let n = 0; n < period; n += step) pair(Math.floor(n / s) % d, Math.floor(n / t) % e);
}

/** How many components of a pair can be removed if it lives; 0 where that would be all or nothing. */
function removable(block: Block, k: number, l: number, atoms: Atoms): number {
  const [a, b] = [block.from[k], block.to[l]];
  const live = (label: Label) => label.some((atom) => atoms.reason(atom) === undefined);
  if (!live(a) || !live(b)) return 0;
  const parent = new Map<number, number>();
  const find = (x: number): number => {
    if (!parent.has(x)) parent.set(x, x);
    let root = x;
    for (let up = parent.get(root)!; up !== root; up = parent.get(root)!) root = up;
    for (let at = x; at !== root; ) {
      const up = parent.get(at)!;
      parent.set(at, root);
      at = up;
    }
    return root;
  };
  related(block, k, l, (i, j) => {
    const [x, y] = [find(atoms.find(a[i])), find(atoms.find(b[j]))];
    if (x !== y) parent.set(x, y);
  });
  const others = othersOf(block, k, l).flatMap((label) => [...label]);
  const dead = new Set<number>();
  for (const atom of others) {
    const root = atoms.find(atom);
    if (parent.has(root)) dead.add(find(root));
  }
  for (const root of parent.keys()) if (atoms.reason(root) !== undefined) dead.add(find(root));
  const components = new Set([...parent.keys()].map(find));
  return components.size > 1 ? components.size - dead.size : 0;
}

const othersOf = ({ from, to }: Block, k: number, l: number): Label[] => [
  ...from.filter((_, i) => i !== k),
  ...to.filter((_, j) => j !== l),
];

interface Candidate {
  k: number;
  l: number;
  count: number;
}

function candidates(block: Block, atoms: Atoms): Candidate[] {
  return block.from
    .flatMap((_, k) => block.to.map((_, l): Candidate => ({ k, l, count: removable(block, k, l, atoms) })))
    .filter(({ count }) => count > 0);
}

/** Lets one pair live, or none. */
function settle(block: Block, chosen: Candidate | undefined, atoms: Atoms): void {
  const reason = `its positions are regrouped with other axes by ${block.where}`;
  if (!chosen) {
    for (const label of [...block.from, ...block.to]) atoms.freeze(label, reason);
    return;
  }
  const { k, l } = chosen;
  related(block, k, l, (i, j) => atoms.join(block.from[k][i], block.to[l][j]));
  for (const label of othersOf(block, k, l)) atoms.freeze(label, reason);
}

/**
 * Decides all blocks.
 * @param preferred whether an axis goes before all others where there is a choice (heads of attention).
 */
export function decide(blocks: readonly Block[], atoms: Atoms, preferred: (label: Label) => boolean): void {
  let open = [...blocks];
  const decided = new Set<number>();
  const close = (block: Block, chosen: Candidate | undefined) => {
    settle(block, chosen, atoms);
    if (chosen) for (const atom of block.to[chosen.l]) decided.add(atom);
  };
  /** What lives by an earlier decision, and would not any more. */
  const lost = (block: Block, { k, l }: Candidate): number => {
    const roots = new Set([...decided].map(atoms.find));
    const others = othersOf(block, k, l).flatMap((label) => [...label]);
    return new Set(
      others.map(atoms.find).filter((root) => roots.has(root) && atoms.reason(root) === undefined),
    ).size;
  };
  while (open.length > 0) {
    const before = open.length;
    open = open.filter((block) => {
      const found = candidates(block, atoms);
      if (found.length > 1) return true;
      close(block, found[0]);
      return false;
    });
    if (open.length < before || open.length === 0) continue;
    const liked = (block: Block, c: Candidate) => preferred(block.from[c.k]) || preferred(block.to[c.l]);
    const block = open.find((one) => candidates(one, atoms).some((c) => liked(one, c))) ?? open[0];
    const worth = (c: Candidate) => c.count - lost(block, c) + (liked(block, c) ? 1e9 : 0);
    const [best] = candidates(block, atoms).sort((a, b) => worth(b) - worth(a));
    close(block, best);
    open = open.filter((one) => one !== block);
  }
}
