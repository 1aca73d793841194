/** Optimiser state, masks and gradients of the trained parameters, and the program that updates them all. */
import type { Machine } from './machine.js';
import type { OptimizerKind, Parameter, Training, UpdateOptions } from './types.js';

const UPDATE_RUN = 8192;
const HYPER = 8;

interface Slot {
  gradient: Float32Array;
  gradientLine: number;
  state: Float32Array[];
  mask: Float32Array;
}

export interface Updater {
  slots: ReadonlyMap<string, Slot>;
  step: Training['update'];
  /** Sums of the gradients of a batch's parts. */
  sums(): { add(first: boolean): Promise<void>; finish(): void; close(): void };
  close(): void;
}

/** Allocates what training keeps for each parameter and compiles the update. */
export function updater(
  machine: Machine,
  parameters: readonly (Parameter & { line: number })[],
  kind: OptimizerKind,
): Updater {
  const lines: number[] = [];
  const take = (length: number): number => {
    const line = machine.allocate(Math.max(1, length) * 4);
    lines.push(line);
    return line;
  };
  const hyper = take(HYPER);
  const slots = new Map<string, Slot>();
  const words: number[][] = [];
  const moments = kind === 'sgd' ? 1 : 2;
  for (const { name, weight, line } of parameters) {
    const gradientLine = take(weight.length);
    const stateLines = Array.from({ length: moments }, () => take(weight.length));
    const maskLine = take(weight.length);
    const view = (line: number) => machine.floats(line, weight.length);
    slots.set(name, {
      gradient: view(gradientLine),
      gradientLine,
      state: stateLines.map(view),
      mask: view(maskLine).fill(1),
    });
    words.push([line, gradientLine, stateLines[0], stateLines[1] ?? 0, maskLine, hyper, weight.length]);
  }
  const program = independent(machine, take, kind === 'sgd' ? 'sgd' : 'adam', words, 6);
  const step = async (o: UpdateOptions) => {
    machine.floats(hyper, HYPER).set(kind === 'sgd' ? sgdNumbers(o) : adamNumbers(o, kind === 'adamw'));
    await machine.run(program);
  };
  const close = () => {
    for (const line of lines) machine.free(line);
  };
  return { slots, step, close, sums: () => sums(machine, [...slots.values()]) };
}

const sgdNumbers = (o: UpdateOptions) => [o.learningRate, o.weightDecay, o.momentum ?? 0, o.nesterov ? 1 : 0];

function adamNumbers(o: UpdateOptions, decoupled: boolean): number[] {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, step = 1 } = o;
  const corrections = [1 - beta1 ** step, Math.sqrt(1 - beta2 ** step)];
  return [o.learningRate, o.weightDecay, beta1, beta2, epsilon, ...corrections, decoupled ? 1 : 0];
}

/** A program of one kernel over many arrays, none depending on another; `length` is the place of the length in its words. */
function independent(
  machine: Machine,
  take: (length: number) => number,
  kernel: string,
  calls: readonly number[][],
  length: number,
): number {
  const number = machine.kernels.get(kernel)!;
  const words = [calls.length, 0, 0, 0];
  for (const call of calls)
    words.push(5 + call.length, number, Math.ceil(call[length] / UPDATE_RUN), 1, 0, ...call);
  const line = take(words.length);
  machine.ints(line, words.length).set(words);
  return line;
}

function sums(machine: Machine, slots: readonly Slot[]): ReturnType<Updater['sums']> {
  const lines: number[] = [];
  const take = (length: number): number => {
    const line = machine.allocate(Math.max(1, length) * 4);
    lines.push(line);
    return line;
  };
  const totals = slots.map((s) => take(s.gradient.length));
  const program = independent(
    machine,
    take,
    'accumulate',
    slots.map((s, i) => [totals[i], s.gradientLine, s.gradient.length]),
    2,
  );
  const views = slots.map((s, i) => machine.floats(totals[i], s.gradient.length));
  return {
    async add(first) {
      if (first) for (const view of views) view.fill(0);
      await machine.run(program);
    },
    finish() {
      for (const [i, slot] of slots.entries()) slot.gradient.set(views[i]);
    },
    close() {
      for (const line of lines) machine.free(line);
    },
  };
}
