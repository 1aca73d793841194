/** Memory beside a program's own, and programs of calls of which none depends on another. */
import { assemble } from './lowering/assemble.js';
import { type Calls, callsTo } from './lowering/calls.js';
import { NO_BARRIER } from './lowering/contract.js';
import { type Buffer, LANES } from './lowering/place.js';
import { NOTHING_PLANNED } from './lowering/plan.js';
import type { Step } from './lowering/steps.js';
import type { Machine } from './machine.js';

/** A buffer whose line is known. */
export type Block = Buffer & { fixed: number };

/** A block of so many words that lies at a line already. */
export const blockAt = (fixed: number, size: number): Block => ({ laned: false, size, fixed });

/** Blocks that are freed together. */
export interface Arena {
  take(words: number): Block;
  free(): void;
}

export function arena(machine: Machine): Arena {
  const lines: number[] = [];
  return {
    take(words) {
      const line = machine.allocate(Math.max(1, words) * 4);
      lines.push(line);
      return blockAt(line, words);
    },
    free() {
      for (const line of lines.splice(0)) machine.free(line);
    },
  };
}

/** Writes the calls that `emit` makes as a program; the line where it begins. */
export function independent(machine: Machine, { take }: Arena, emit: (call: Calls) => void): number {
  const steps: Step[] = [];
  const call = callsTo({
    told: machine.told,
    step: (kernel, items, words) => steps.push({ kernel, items, words, flags: NO_BARRIER }),
    scratch: (lines) => take(lines * LANES * machine.threads),
  });
  emit(call);
  const { words } = assemble(machine, steps, NOTHING_PLANNED, 0);
  const { fixed } = take(words.length);
  machine.ints(fixed, words.length).set(words);
  return fixed;
}
