/**
 * How a number of weights to keep is shared out among layers.
 *
 *   uniform  every layer at the same density: a layer's claim is its size
 *   ERK      Erdős–Rényi-kernel (Evci et al.: "Rigging the Lottery", 2020): density ∝ (sum of dims) / (product of
 *            dims), so a layer's claim is the sum of its dims
 *
 * Layer l gets ε · claim_l, but never more than it has: those that would are given all they have, and ε is solved again
 * for the rest until none is left over. (Each round only raises ε, so a full layer stays full.) Fractions are rounded
 * down and the weights left over go to the largest remainders, so that counts add up exactly. A layer that this leaves
 * below its floor is given its floor, and the rest is shared out again among the others. (That only lowers ε, so a layer
 * at its floor stays there.)
 *
 * The third allocation, "global", has no formula: it is what a selection over all layers pooled leaves behind.
 */

/** What a layer may claim and how much of it there is. */
export interface Share {
  shape: readonly number[];
  /** Weights it can keep at most: its size, or what is left of it. */
  available: number;
  /** Weights it keeps whatever its claim, as far as they are available; default 0. */
  floor?: number;
}

export const claims = {
  uniform: (shape: readonly number[]) => shape.reduce((product, d) => product * d, 1),
  erk: (shape: readonly number[]) => shape.reduce((sum, d) => sum + d, 0),
} satisfies Record<string, (shape: readonly number[]) => number>;

export type AllocationName = keyof typeof claims;

/** Counts that add up to exactly `total`, and the ε they come from (Infinity when every layer is full). */
export interface Allocated {
  kept: number[];
  epsilon: number;
  /** Indices of the shares that are at their floors because their claims are below. */
  held: number[];
}

/** Shares `total` weights out. Throws a RangeError if there are not so many, or the floors are more. */
export function allocate(name: AllocationName, shares: readonly Share[], total: number): Allocated {
  const floors = shares.map(({ available, floor = 0 }) => Math.min(floor, available));
  const held = shares.map(() => false);
  for (;;) {
    const open = [...shares.keys()].filter((l) => !held[l]);
    const rest = total - floors.reduce((sum, floor, l) => sum + (held[l] ? floor : 0), 0);
    const { kept, epsilon } = shareOut(
      name,
      open.map((l) => shares[l]),
      rest,
    );
    const below = open.filter((l, i) => kept[i] < floors[l]);
    if (below.length === 0) {
      const counts = [...floors];
      open.forEach((l, i) => {
        counts[l] = kept[i];
      });
      return { kept: counts, epsilon, held: [...held.keys()].filter((l) => held[l]) };
    }
    for (const l of below) held[l] = true;
  }
}

function shareOut(name: AllocationName, shares: readonly Share[], total: number): Omit<Allocated, 'held'> {
  const available = shares.reduce((sum, share) => sum + share.available, 0);
  if (!(total >= 0 && total <= available))
    throw new RangeError(`cannot keep ${total} of ${available} weights`);

  const claim = shares.map(({ shape }) => claims[name](shape));
  const full = shares.map(() => false);
  let epsilon: number;
  let grew: boolean;
  do {
    let rest = total;
    let claimed = 0;
    shares.forEach((share, l) => {
      if (full[l]) rest -= share.available;
      else claimed += claim[l];
    });
    epsilon = claimed > 0 ? rest / claimed : Infinity;
    grew = false;
    shares.forEach((share, l) => {
      if (full[l] || epsilon * claim[l] <= share.available) return;
      full[l] = grew = true;
    });
  } while (grew);

  const ideal = shares.map((share, l) => (full[l] ? share.available : epsilon * claim[l]));
  return { kept: roundTo(total, ideal, shares), epsilon };
}

/** Largest-remainder rounding; among equal remainders the earlier layer goes first. */
function roundTo(total: number, ideal: readonly number[], shares: readonly Share[]): number[] {
  const kept = ideal.map(Math.floor);
  let left = total - kept.reduce((sum, n) => sum + n, 0);
  const order = ideal.map((_, l) => l).sort((a, b) => ideal[b] - kept[b] - (ideal[a] - kept[a]) || a - b);
  for (const l of order) {
    if (left === 0) break;
    if (kept[l] === shares[l].available) continue;
    kept[l]++;
    left--;
  }
  return kept;
}
