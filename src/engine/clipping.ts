/** z ↦ clip(z − v, 0, 1) over parameters, by kernels: what a projection onto a budget is made of. */
import type { Calls } from './lowering/calls.js';
import { CLIP_RUN } from './lowering/contract.js';
import type { Machine } from './machine.js';
import { arena, type Block, independent } from './memory.js';
import type { Clipping } from './types.js';

/** `blocks`: where the elements lie. */
export function clipping(machine: Machine, blocks: readonly Block[]): Clipping {
  const memory = arena(machine);
  const shift = memory.take(2);
  const runs = blocks.map(({ size }) => Math.ceil(size / CLIP_RUN));
  const results = runs.map((n) => memory.take(4 * n));
  const each = (emit: (call: Calls, z: Block, b: number) => void) =>
    independent(machine, memory, (call) => {
      for (const [b, z] of blocks.entries()) emit(call, z, b);
    });
  const v = { buffer: shift };
  const measuring = each((call, z, b) =>
    call.clipSum({ z: { buffer: z }, v, results: { buffer: results[b] }, elements: z.size }),
  );
  const applying = each((call, z) => call.clip({ z: { buffer: z }, v, elements: z.size }));
  const at = (value: number) => {
    machine.doubles(shift.fixed, 1)[0] = value;
  };
  return {
    async measure(v) {
      at(v);
      await machine.run(measuring);
      let [sum, inside] = [0, 0];
      for (const [b, { fixed }] of results.entries()) {
        const pairs = machine.doubles(fixed, 2 * runs[b]);
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
    close: memory.free,
  };
}
