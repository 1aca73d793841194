/** z ↦ clip(z − v, 0, 1) over parameters, by kernels: what a projection onto a budget is made of. */
import type { Machine } from './machine.js';
import type { Clipping } from './types.js';
import { arena, independent } from './update.js';

/** CLIP_RUN of kernels/clip.c. */
const RUN = 65_536;

/** `blocks`: where the elements lie, and how many. */
export function clipping(machine: Machine, blocks: readonly { line: number; length: number }[]): Clipping {
  const { take, free } = arena(machine);
  const shift = take(2);
  const runs = blocks.map(({ length }) => Math.ceil(length / RUN));
  const results = runs.map((n) => take(4 * n));
  const calls = blocks.map(({ line, length }, b) => [line, shift, results[b], length]);
  const program = (kernel: string) => independent(machine, take, kernel, calls, 3, RUN);
  const [measuring, applying] = [program('clip_sum'), program('clip')];
  const at = (v: number) => {
    machine.doubles(shift, 1)[0] = v;
  };
  return {
    async measure(v) {
      at(v);
      await machine.run(measuring);
      let [sum, inside] = [0, 0];
      for (const [b, line] of results.entries()) {
        const pairs = machine.doubles(line, 2 * runs[b]);
        for (let r = 0; r < runs[b]; r++) {
          sum += pairs[2 * r];
          inside += pairs[2 * r + 1];
        }
      }
      return { sum, inside };
    },
    async apply(v) {
      at(v);
      await machine.run(applying);
    },
    close: free,
  };
}
