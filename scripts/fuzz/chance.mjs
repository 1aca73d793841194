/** Seeded chance: the same seed gives the same draws, whatever is run before or beside it. */
export function chance(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let x = state;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
  };
  const upTo = (n) => Math.floor(next() * n);
  const pick = (...from) => from[upTo(from.length)];
  return { next, upTo, pick, often: (share) => next() < share, among: (n) => 1 + upTo(n) };
}

/** Numbers that programs forget about. */
export const oddNumbers = [
  0,
  -1,
  1,
  2,
  -2,
  7,
  63,
  255,
  2 ** 16,
  2 ** 20,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 32,
  2 ** 40,
  2 ** 53,
  2 ** 62,
  2 ** 63,
  -(2 ** 63),
];
