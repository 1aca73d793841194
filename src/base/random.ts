/**
 * Counter-based random numbers: number i of stream (seed, …names) is a pure function of those, so nothing has to be
 * saved or restored, work may be done in any order, and a resumed run draws what an uninterrupted one would.
 *
 * The generator is SplitMix64's finaliser in two 32-bit halves (Steele, Lea, Flood: "Fast splittable pseudorandom
 * number generators", 2014) applied to key + counter; it passes the usual tests and needs no BigInt.
 */

/** A stream of random numbers. `at` is the counter of the next draw and may be set freely. */
export interface Random {
  readonly key: readonly [number, number];
  at: number;
}

const mix = (h: number): number => {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};

/** Opens the stream named by a seed and any number of labels, e.g. `random(seed, 'shuffle', epoch)`. */
export function random(seed: number, ...labels: (string | number)[]): Random {
  let a = mix(seed >>> 0) ^ mix((Math.floor(seed / 2 ** 32) >>> 0) ^ 0x9e3779b9);
  let b = mix(a ^ 0x85a308d3);
  for (const label of labels) {
    for (const char of `${typeof label === 'number' ? '#' : '$'}${label}`) {
      a = mix(a ^ char.codePointAt(0)!);
      b = mix(b + Math.imul(a, 0x9e3779b1));
    }
    b = mix(b ^ 0x3c6ef372);
  }
  return { key: [a >>> 0, b >>> 0], at: 0 };
}

/** The `counter`-th 32-bit word of a stream. */
export function word(stream: Random, counter: number): number {
  const low = counter >>> 0;
  const high = Math.floor(counter / 2 ** 32) >>> 0;
  const a = mix(stream.key[0] + Math.imul(low, 0x9e3779b1));
  const b = mix(a ^ stream.key[1] ^ Math.imul(high, 0x85ebca77));
  return mix(b + low);
}

/** Uniform in [0, 1), 24 bits: exact in float32. */
export const uniform = (stream: Random): number => (word(stream, stream.at++) >>> 8) / 16777216;

/** Uniform integer in [0, n). */
export const integer = (stream: Random, n: number): number =>
  Math.floor((word(stream, stream.at++) / 4294967296) * n);

/** Standard normal (Box–Muller, one of the pair; two draws a number). */
export function normal(stream: Random): number {
  const u = (word(stream, stream.at++) + 1) / 4294967297;
  const v = word(stream, stream.at++) / 4294967296;
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
}

/** A uniformly random order of 0 … n−1 (Fisher–Yates). */
export function permutation(stream: Random, n: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = integer(stream, i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
