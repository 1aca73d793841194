/** z ↦ clip(z − v, 0, 1) over parameters, by kernels: what a projection onto a budget is made of. */
import type { Calls } from './lowering/calls.js';
import { CLIP_RUN } from './lowering/contract.js';
import { lowerCopy } from './lowering/map.js';
import { type Place, wholePlace } from './lowering/place.js';
import type { Machine } from './machine.js';
import { type Arena, arena, type Block, independent } from './memory.js';
import type { Clipping } from './types.js';

/** `blocks`: where the elements lie. */
export function clipping(machine: Machine, blocks: readonly Block[]): Clipping {
  const memory = arena(machine);
  const shift = memory.take(2);
  const runs = blocks.map(({ size }) => Math.ceil(size / CLIP_RUN));
  const row = memory.row(runs.map((n) => 4 * n));
  const results = row.blocks;
  const each = (emit: (call: Calls, z: Block, b: number) => void) =>
    independent(machine, memory, (call) => {
      for (const [b, z] of blocks.entries()) emit(call, z, b);
    });
  const v = { buffer: shift };
  const measuring = each((call, z, b) =>
    call.clipSum({ z: { buffer: z }, v, results: { buffer: results[b] }, elements: z.size }),
  );
  const applying = each((call, z) => call.clip({ z: { buffer: z }, v, elements: z.size }));
  let sampler: Sampler | undefined;
  const at = (value: number) => {
    machine.doubles(shift.fixed, 1)[0] = value;
    machine.push(shift.fixed, 2);
  };
  return {
    async measure(v) {
      at(v);
      await machine.run(measuring);
      await row.pull();
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
    sample(every) {
      sampler ??= samplerOf(machine, memory, blocks, every);
      return sampler();
    },
    async apply(v) {
      at(v);
      await machine.run(applying);
    },
    close: memory.free,
  };
}

type Sampler = () => Promise<Float32Array>;

/** Copies every so many elements of the blocks to one place. */
function samplerOf(machine: Machine, memory: Arena, blocks: readonly Block[], every: number): Sampler {
  let at = 0;
  const parts = blocks.flatMap((buffer) => {
    const offset = at;
    const count = Math.max(0, Math.ceil((buffer.size - offset) / every));
    at += count * every - buffer.size;
    return count > 0 ? [{ buffer, offset, shape: [count], strides: [every] } satisfies Place] : [];
  });
  const row = memory.row(parts.map(({ shape: [count] }) => count));
  const program = independent(machine, memory, (_, l) => {
    for (const [p, part] of parts.entries()) lowerCopy(l, part, wholePlace(row.blocks[p], part.shape));
  });
  return async () => {
    await machine.run(program);
    await row.pull();
    const values = row.blocks.map(({ fixed, size }) => machine.floats(fixed, size));
    const sample = new Float32Array(values.reduce((sum, { length }) => sum + length, 0));
    let to = 0;
    for (const part of values) {
      sample.set(part, to);
      to += part.length;
    }
    return sample;
  };
}
