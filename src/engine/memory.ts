/** Memory beside a program's own, and programs of calls of which none depends on another. */
import { assemble } from './lowering/assemble.js';
import { type Calls, callsTo } from './lowering/calls.js';
import { NO_BARRIER } from './lowering/contract.js';
import { type Buffer, LANES } from './lowering/place.js';
import { NOTHING_PLANNED } from './lowering/plan.js';
import type { MapLowering, Step } from './lowering/steps.js';
import type { Machine } from './machine.js';

/** A buffer whose line is known. */
export type Block = Buffer & { fixed: number };

/** A block of so many words that lies at a line already. */
export const blockAt = (fixed: number, size: number): Block => ({ laned: false, size, fixed });

/** Pulls blocks together. */
export async function pullBlocks(machine: Machine, blocks: Iterable<Block>): Promise<void> {
  // Without a mirror it is enough to wait once.
  if (machine.apart) await Promise.all([...blocks].map(({ fixed, size }) => machine.pull(fixed, size)));
  else await machine.pull(0, 0);
}

export function pushBlocks(machine: Machine, blocks: Iterable<Block>): void {
  if (machine.apart) for (const { fixed, size } of blocks) machine.push(fixed, size);
}

/** Blocks that are freed together. */
export interface Arena {
  take(words: number): Block;
  /** Blocks side by side, which are pulled and pushed as one. */
  row(sizes: readonly number[]): BlockRow;
  free(): void;
}

/** Blocks side by side. */
export interface BlockRow {
  blocks: readonly Block[];
  pull(): Promise<void>;
  push(): void;
}

export function arena(machine: Machine): Arena {
  const lines: number[] = [];
  const take = (words: number) => {
    const line = machine.allocate(Math.max(1, words) * 4);
    lines.push(line);
    return blockAt(line, words);
  };
  return {
    take,
    row(sizes) {
      const words = sizes.map((size) => Math.max(1, Math.ceil(size / LANES)) * LANES);
      const { fixed, size } = take(words.reduce((sum, own) => sum + own, 0));
      let line = fixed;
      const blocks = sizes.map((own, i) => {
        const block = blockAt(line, own);
        line += words[i] / LANES;
        return block;
      });
      return { blocks, pull: () => machine.pull(fixed, size), push: () => machine.push(fixed, size) };
    },
    free() {
      for (const line of lines.splice(0)) machine.free(line);
    },
  };
}

/** Writes the calls that `emit` makes, some of them formulas over places that are not laned, as a program; the line where it begins. */
export function independent(
  machine: Machine,
  { take }: Arena,
  emit: (call: Calls, l: MapLowering) => void,
): number {
  const steps: Step[] = [];
  const call = callsTo({
    told: machine.told,
    step: (kernel, items, words) => steps.push({ kernel, items, words, flags: NO_BARRIER }),
    scratch: (lines) => take(lines * LANES * machine.threads),
  });
  emit(call, { machine, blocks: 1, valid: blockAt(0, 0), call });
  const { words } = assemble(machine, steps, NOTHING_PLANNED, 0);
  const { fixed } = take(words.length);
  machine.ints(fixed, words.length).set(words);
  machine.push(fixed, words.length);
  return fixed;
}
