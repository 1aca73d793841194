/** Optimiser state, masks and gradients of the trained parameters, and the program that updates them all. */
import type { Machine } from './machine.js';
import type { OptimizerKind, Parameter, Training, UpdateOptions } from './types.js';

const UPDATE_RUN = 8192;
const HYPER = 16;

interface Slot {
  gradient: Float32Array;
  gradientLine: number;
  state: Float32Array[];
  mask: Float32Array;
  maskLine: number;
}

type Trained = Parameter & { line: number };

export interface Updater {
  slots: ReadonlyMap<string, Slot>;
  step: Training['update'];
  norm: Training['gradientNorm'];
  /** Sums of the gradients of several passes: `finish` leaves their sum times `factor` in the gradients. */
  sums(): { add(first: boolean): Promise<void>; finish(factor: number): void; close(): void };
  close(): void;
}

/** Allocates what training keeps for each parameter and compiles the updates. */
export function updater(
  machine: Machine,
  parameters: readonly Trained[],
  kindOf: (parameter: Parameter) => OptimizerKind,
): Updater {
  const memory = arena(machine);
  const slots = new Map(parameters.map((p) => [p.name, slot(machine, memory.take, p, kindOf(p))]));
  const kinds = new Map<OptimizerKind, Trained[]>();
  for (const p of parameters) kinds.set(kindOf(p), [...(kinds.get(kindOf(p)) ?? []), p]);
  const programs = new Map(
    [...kinds].map(([kind, own]) => [kind, optimizer(machine, memory.take, kind, own, slots)]),
  );
  const norm = normOf(machine, memory.take, [...slots.values()]);
  return {
    slots,
    norm,
    async step(options, kind) {
      if (kind === undefined && programs.size > 1) throw new Error('Several optimisers: say which one steps');
      for (const [own, run] of programs) if (kind === undefined || own === kind) await run(options);
    },
    sums: () => sums(machine, [...slots.values()]),
    close: memory.free,
  };
}

/** Blocks that are freed together. */
export function arena(machine: Machine) {
  const lines: number[] = [];
  return {
    take(length: number): number {
      const line = machine.allocate(Math.max(1, length) * 4);
      lines.push(line);
      return line;
    },
    free() {
      for (const line of lines.splice(0)) machine.free(line);
    },
  };
}

type Take = (length: number) => number;

function slot(machine: Machine, take: Take, { weight }: Trained, kind: OptimizerKind) {
  const { length } = weight;
  const view = (line: number) => machine.floats(line, length);
  const gradientLine = take(length);
  const stateLines = Array.from({ length: kind === 'sgd' ? 1 : 2 }, () => take(length));
  const maskLine = take(length);
  return {
    ...{ gradient: view(gradientLine), gradientLine, state: stateLines.map(view), stateLines },
    ...{ mask: view(maskLine).fill(1), maskLine },
  };
}

function optimizer(
  machine: Machine,
  take: Take,
  kind: OptimizerKind,
  parameters: readonly Trained[],
  slots: ReadonlyMap<string, ReturnType<typeof slot>>,
): (options: UpdateOptions) => Promise<void> {
  const hyper = take(HYPER);
  const calls = parameters.map(({ name, weight, line }) => {
    const { gradientLine, stateLines, maskLine } = slots.get(name)!;
    return [line, gradientLine, stateLines[0], stateLines[1] ?? 0, maskLine, hyper, weight.length];
  });
  const program = independent(machine, take, kind === 'sgd' ? 'sgd' : 'adam', calls, 6);
  return async (options) => {
    const numbers = kind === 'sgd' ? sgdNumbers(options) : adamNumbers(options, kind === 'adamw');
    machine.floats(hyper, HYPER).set(numbers);
    await machine.run(program);
  };
}

function normOf(machine: Machine, take: Take, slots: readonly Slot[]): () => Promise<number> {
  const runs = slots.map(({ gradient }) => Math.ceil(gradient.length / UPDATE_RUN));
  const lines = runs.map((n) => take(2 * n));
  const calls = slots.map((s, i) => [s.gradientLine, lines[i], s.gradient.length, s.maskLine]);
  const program = independent(machine, take, 'square_sum', calls, 2);
  return async () => {
    await machine.run(program);
    let total = 0;
    for (const [i, line] of lines.entries()) for (const x of machine.doubles(line, runs[i])) total += x;
    return Math.sqrt(total);
  };
}

const sgdNumbers = (o: UpdateOptions) => [
  o.learningRate,
  o.weightDecay,
  o.momentum ?? 0,
  o.nesterov ? 1 : 0,
  o.gradientScale ?? 1,
];

function adamNumbers(o: UpdateOptions, decoupled: boolean): number[] {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, step = 1 } = o;
  const corrections = [1 - beta1 ** step, Math.sqrt(1 - beta2 ** step)];
  return [
    o.learningRate,
    o.weightDecay,
    beta1,
    beta2,
    epsilon,
    ...corrections,
    decoupled ? 1 : 0,
    o.gradientScale ?? 1,
  ];
}

/**
 * A program of one kernel over many arrays, none depending on another; `length` is the place of the length in its words,
 * `run` the elements of an item.
 */
export function independent(
  machine: Machine,
  take: Take,
  kernel: string,
  calls: readonly number[][],
  length: number,
  run = UPDATE_RUN,
): number {
  const number = machine.kernels.get(kernel)!;
  const words = [calls.length, 0, 0, 0];
  for (const call of calls) words.push(5 + call.length, number, Math.ceil(call[length] / run), 1, 0, ...call);
  const line = take(words.length);
  machine.ints(line, words.length).set(words);
  return line;
}

function sums(machine: Machine, slots: readonly Slot[]): ReturnType<Updater['sums']> {
  const { take, free } = arena(machine);
  const totals = slots.map((s) => take(s.gradient.length));
  const calls = slots.map((s, i) => [totals[i], s.gradientLine, s.gradient.length]);
  const program = independent(machine, take, 'accumulate', calls, 2);
  const views = slots.map((s, i) => machine.floats(totals[i], s.gradient.length));
  return {
    async add(first) {
      if (first) for (const view of views) view.fill(0);
      await machine.run(program);
    },
    finish(factor) {
      for (const [i, { gradient }] of slots.entries()) {
        gradient.set(views[i]);
        if (factor !== 1) for (let k = 0; k < gradient.length; k++) gradient[k] *= factor;
      }
    },
    close: free,
  };
}
