/** From steps and a memory plan to the words that kernels/program.c runs. */
import { fail } from '../../base/index.js';
import type { Machine } from '../machine.js';
import { PROGRAM_HEAD, STEP, STEP_HEAD } from './contract.js';
import type { Buffer, Word } from './place.js';
import { linesOf, type Plan } from './plan.js';
import type { Step } from './steps.js';

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);
const floatBits = (x: number): number => {
  float[0] = x;
  return bits[0];
};

/** A program as words, and where in them each step begins. */
export interface Assembled {
  words: Int32Array;
  at: number[];
}

/** @param base line where the planned memory begins. */
export function assemble(machine: Machine, steps: readonly Step[], plan: Plan, base: number): Assembled {
  const words: number[] = [steps.length];
  while (words.length < PROGRAM_HEAD) words.push(0);
  const line = (buffer: Buffer): number => buffer.fixed ?? base + plan.offsets.get(buffer)!;
  const resolve = (word: Word): number =>
    typeof word === 'number'
      ? word
      : 'float' in word
        ? floatBits(word.float)
        : line(word.buffer) + (word.plus ?? 0);
  // A checked build wants to know where the buffers of a step's lines are (kernels/checks.c).
  const range = (word: Word): number[] =>
    typeof word === 'object' && 'buffer' in word
      ? [line(word.buffer), Math.max(1, linesOf(word.buffer, plan.blocks))]
      : [];
  const at = steps.map((step) => {
    const start = words.length;
    const kernel = machine.kernels.get(step.kernel);
    if (kernel === undefined)
      fail(
        `The ${machine.kind} engine has no kernel ${step.kernel}, which this model needs here; take another engine.`,
      );
    const ranges = machine.told.CHECKED ? step.words.flatMap(range) : [];
    const length = STEP_HEAD + step.words.length + ranges.length;
    words.push(length, kernel, step.items, step.flags ?? 0, 0, ...step.words.map(resolve), ...ranges);
    return start;
  });
  return { words: Int32Array.from(words), at };
}

/** The kernels of the program at a line, by their numbers, in the order of its steps. */
export function kernelsOf(machine: Machine, program: number): number[] {
  const [count] = machine.ints(program, 1);
  const kernels: number[] = [];
  for (let at = PROGRAM_HEAD; kernels.length < count; ) {
    const words = machine.ints(program, at + STEP_HEAD);
    kernels.push(words[at + STEP.kernel]);
    at += words[at + STEP.words];
  }
  return kernels;
}
