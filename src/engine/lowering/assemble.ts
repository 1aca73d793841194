/** From steps and a memory plan to the words that kernels/program.c runs. */
import type { Machine } from '../machine.js';
import { PROGRAM_HEAD, STEP, STEP_HEAD } from './contract.js';
import type { Buffer, Word } from './place.js';
import type { Plan } from './plan.js';
import type { Step } from './steps.js';

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);
const floatBits = (x: number): number => {
  float[0] = x;
  return bits[0];
};

/** The program as words. @param base line where the planned memory begins. */
export function assemble(machine: Machine, steps: readonly Step[], plan: Plan, base: number): Int32Array {
  const words: number[] = [steps.length, 0, 0, 0];
  const line = (buffer: Buffer): number => buffer.fixed ?? base + plan.offsets.get(buffer)!;
  const resolve = (word: Word): number =>
    typeof word === 'number'
      ? word
      : 'float' in word
        ? floatBits(word.float)
        : line(word.buffer) + (word.plus ?? 0);
  for (const step of steps) {
    const kernel = machine.kernels.get(step.kernel);
    if (kernel === undefined)
      throw new Error(`The kernels have no '${step.kernel}': they were built from other sources`);
    words.push(STEP_HEAD + step.words.length, kernel, step.items, step.flags ?? 0, 0);
    words.push(...step.words.map(resolve));
  }
  return Int32Array.from(words);
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

/** Where each step begins in the program's words. */
export function stepsAt(steps: readonly Step[]): number[] {
  let next = PROGRAM_HEAD;
  return steps.map((step) => {
    const at = next;
    next += STEP_HEAD + step.words.length;
    return at;
  });
}
