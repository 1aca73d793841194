/** Where the time of a program went, as its machine wrote it down. */
import { LINE } from './driver.js';
import { linesOf } from './lowering/plan.js';
import type { Step } from './lowering/steps.js';
import { type Machine, profileStride } from './machine.js';

/** Nanoseconds of each step over all runs, summed over threads. */
export function timesOf(machine: Machine, steps: readonly Step[], line: number): number[] {
  const stride = profileStride(steps.length);
  const views = Array.from({ length: machine.threads }, (_, t) =>
    machine.doubles(line + t * stride, steps.length),
  );
  return steps.map((_, i) => views.reduce((sum, view) => sum + view[i], 0));
}

/** Bytes of the buffers that a step reads or writes, each counted once. */
export function bytesTouched({ words }: Step, blocks: number): number {
  const buffers = new Set(
    words.flatMap((word) => (typeof word === 'object' && 'buffer' in word ? [word.buffer] : [])),
  );
  return [...buffers].reduce((sum, buffer) => sum + linesOf(buffer, blocks) * LINE, 0);
}

export function profileOf(machine: Machine, steps: readonly Step[], line: number): Map<string, number> {
  const total = new Map<string, number>();
  const add = (name: string, time: number) => total.set(name, (total.get(name) ?? 0) + time);
  const stride = profileStride(steps.length);
  for (let t = 0; t < machine.threads; t++) {
    const times = machine.doubles(line + t * stride, steps.length + 1);
    let busy = 0;
    steps.forEach((step, i) => {
      add(step.kernel, times[i]);
      busy += times[i];
    });
    add('wait', times[steps.length] - busy);
  }
  return total;
}
