/**
 * A machine that keeps an account of the programs run on it, for runtimes that do not keep one themselves. Runs that the
 * caller would have had done at once, on its own thread, are done off it: so nothing may be read from the memory, or run,
 * before `settled`.
 */

import { LINE, type Machine, profileStride } from '../engine/index.js';
import { kernelsOf } from '../engine/lowering/index.js';

export interface Watched {
  machine: Machine;
  /** Waits for what was asked for. */
  settled(): Promise<void>;
  /** Whether programs were to be run by the calling thread alone. */
  alone(): boolean;
  /** The last program's kernels in the order of its steps, and nanoseconds of each over all runs, summed over threads. */
  steps(): { kernel: string; time: number }[];
  /** Nanoseconds of all runs, summed over threads. */
  total(): number;
}

export function watched(machine: Machine): Watched {
  const names = new Map([...machine.kernels].map(([name, number]) => [number, name]));
  const programs = new Map<number, { kernels: string[]; line: number }>();
  let last: { kernels: string[]; line: number } | undefined;
  let alone = false;
  let pending: Promise<void> = Promise.resolve();

  function account(program: number) {
    const known = programs.get(program);
    if (known) return known;
    const kernels = kernelsOf(machine, program).map((number) => names.get(number)!);
    const line = machine.allocate(profileStride(kernels.length) * machine.threads * LINE);
    const made = { kernels, line };
    programs.set(program, made);
    return made;
  }
  function run(program: number): Promise<void> {
    last = account(program);
    pending = machine.run(program, last.line);
    return pending;
  }
  const sums = (): number[] => {
    const { kernels, line } = last!;
    const stride = profileStride(kernels.length);
    const views = Array.from({ length: machine.threads }, (_, t) =>
      machine.doubles(line + t * stride, kernels.length + 1),
    );
    return [...kernels, ''].map((_, i) => views.reduce((sum, view) => sum + view[i], 0));
  };
  return {
    machine: {
      ...machine,
      run,
      runHere(program) {
        alone = true;
        void run(program);
      },
    },
    settled: () => pending,
    alone: () => alone,
    steps() {
      const times = sums();
      return last!.kernels.map((kernel, i) => ({ kernel, time: times[i] }));
    },
    total: () => sums().at(-1)!,
  };
}
