/**
 * Classes of pixels for a GPU, from the tables of convolutions (lowering/taps.ts). They are merged where the taps of one are among those of
 * another, for a GPU wants large classes: each pixel then lists the source of each tap of its class, or −1.
 */

/** What a merged class is: its taps, and per pixel where it goes and where each tap comes from. */
export interface Class {
  taps: number[];
  pixels: { target: number; sources: Int32Array }[];
}

/** The classes of one block, from the table at a line for so many blocks. */
export function classesAt(table: Int32Array, blocks: number): Class[] {
  const all = Array.from({ length: table[0] }, (_, k) => {
    const [count, taps, pixels, first] = table.subarray(1 + 4 * k, 5 + 4 * k);
    const pairs = (at: number, n: number) =>
      Array.from({ length: n }, (_, i): [number, number] => [table[at + 2 * i], table[at + 2 * i + 1]]);
    return { taps: pairs(taps, count), pixels: pairs(first, pixels / blocks) };
  }).sort((a, b) => b.taps.length - a.taps.length);
  const merged: Class[] = [];
  for (const { taps, pixels } of all) {
    const home =
      merged.find((c) => taps.every(([, tap]) => c.taps.includes(tap))) ??
      merged[merged.push({ taps: taps.map(([, tap]) => tap), pixels: [] }) - 1];
    const places = taps.map(([, tap]) => home.taps.indexOf(tap));
    for (const [source, target] of pixels) {
      const sources = new Int32Array(home.taps.length).fill(-1);
      for (const [i, [offset]] of taps.entries()) sources[places[i]] = source + offset;
      home.pixels.push({ target, sources });
    }
  }
  return merged;
}
