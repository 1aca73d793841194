/** The host's side of a program's values: filling them before a run, and looking at them after it. */
import type { Buffer, Place } from './lowering/place.js';
import { LANES } from './lowering/place.js';
import type { Plan } from './lowering/plan.js';
import type { LoweredValues } from './lowering/steps.js';
import type { Machine } from './machine.js';
import { blockAt, pullBlocks } from './memory.js';
import type { Written } from './writing.js';

export interface Access {
  /** Has `write` fill the memory of a value's buffer of `size` lines or floats, unless nothing depends on it. */
  fill(name: string, write: (memory: Float32Array, size: number) => void): void;
  /** Waits until these can be looked at as the last run left them. */
  pull(names: readonly string[]): Promise<void>;
  /** A value's place, and the memory of its buffer. */
  look(name: string): { memory: Float32Array; place: Place };
}

/** What a program has values in. */
export interface Accessed {
  machine: Machine;
  /** Blocks of sixteen samples. */
  blocks: number;
  place: LoweredValues['place'];
  written: Written;
  plan: Plan;
}

export function accessTo({ machine, blocks, place, written, plan }: Accessed): Access {
  const { address } = written;
  const wordsOf = ({ laned, size }: Buffer) => (laned ? size * blocks * LANES : size);
  const memoryOf = (buffer: Buffer) => machine.floats(address(buffer), wordsOf(buffer));
  return {
    fill(name, write) {
      const { buffer } = place(name);
      if (buffer.fixed === undefined && !plan.offsets.has(buffer)) return;
      write(memoryOf(buffer), buffer.size);
      machine.push(address(buffer), wordsOf(buffer));
    },
    async pull(names) {
      const buffers = names.map((name) => place(name).buffer);
      await pullBlocks(
        machine,
        buffers.map((buffer) => blockAt(address(buffer), wordsOf(buffer))),
      );
    },
    look(name) {
      const found = place(name);
      return { memory: memoryOf(found.buffer), place: found };
    },
  };
}
