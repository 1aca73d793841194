/** Optimiser state, masks and gradients of the trained parameters, and the program that updates them all. */
import { call, input } from '../graph/index.js';
import { UPDATE_RUN } from './lowering/contract.js';
import { lowerFill, lowerMap } from './lowering/map.js';
import { wholePlace } from './lowering/place.js';
import type { Machine } from './machine.js';
import { type Arena, arena, type Block, independent, pullBlocks, pushBlocks } from './memory.js';
import type { OptimizerKind, Parameter, SlotPart, Training, UpdateOptions } from './types.js';

const HYPER = 16;

/** What is kept for a parameter: views for those outside, and the blocks for programs. */
interface Slot {
  gradient: Float32Array;
  state: Float32Array[];
  mask: Float32Array;
  blocks: { gradient: Block; state: Block[]; mask: Block };
}

/** A parameter that is trained, and the memory that it lies in. */
export type Trained = Parameter & { block: Block };

export interface Updater {
  slots: ReadonlyMap<string, Slot>;
  step: Training['update'];
  norm: Training['gradientNorm'];
  sums(): Sums;
  pull: Training['pull'];
  push(parts: readonly SlotPart[], names?: Iterable<string>): void;
  close(): void;
}

/** Sums of the gradients of several passes. */
export interface Sums {
  add(first: boolean): Promise<void>;
  /** Leaves their mean over so many passes in the gradients. */
  finish(passes: number): Promise<void>;
  close(): void;
}

/** Allocates what training keeps for each parameter and compiles the updates. */
export function updater(
  machine: Machine,
  parameters: readonly Trained[],
  kindOf: (parameter: Parameter) => OptimizerKind,
): Updater {
  const memory = arena(machine);
  const slots = new Map(parameters.map((p) => [p.name, slot(machine, memory, p, kindOf(p))]));
  const kinds = new Map<OptimizerKind, Trained[]>();
  for (const p of parameters) kinds.set(kindOf(p), [...(kinds.get(kindOf(p)) ?? []), p]);
  const programs = new Map(
    [...kinds].map(([kind, own]) => [kind, optimizer(machine, memory, kind, own, slots)]),
  );
  const norm = normOf(machine, memory, [...slots.values()]);
  return {
    slots,
    norm,
    async step(options, kind) {
      if (kind === undefined && programs.size > 1) throw new Error('Several optimisers: say which one steps');
      for (const [own, run] of programs) if (kind === undefined || own === kind) await run(options);
    },
    sums: () => sums(machine, [...slots.values()]),
    pull: (parts, names) => pullBlocks(machine, blocksOf(slots, parts, names)),
    push: (parts, names) => pushBlocks(machine, blocksOf(slots, parts, names)),
    close: memory.free,
  };
}

/** Where these parts lie. */
function* blocksOf(
  slots: ReadonlyMap<string, Slot>,
  parts: readonly SlotPart[],
  names: Iterable<string> = slots.keys(),
): Generator<Block> {
  for (const name of names) {
    const { gradient, state, mask } = slots.get(name)!.blocks;
    if (parts.includes('gradient')) yield gradient;
    if (parts.includes('state')) yield* state;
    if (parts.includes('mask')) yield mask;
  }
}

function slot(machine: Machine, { take }: Arena, { weight }: Trained, kind: OptimizerKind): Slot {
  const { length } = weight;
  const view = ({ fixed }: Block) => machine.floats(fixed, length);
  const gradient = take(length);
  const state = Array.from({ length: kind === 'sgd' ? 1 : 2 }, () => take(length));
  const mask = take(length);
  const kept = view(mask).fill(1);
  machine.push(mask.fixed, length);
  return {
    gradient: view(gradient),
    state: state.map(view),
    mask: kept,
    blocks: { gradient, state, mask },
  };
}

function optimizer(
  machine: Machine,
  memory: Arena,
  kind: OptimizerKind,
  parameters: readonly Trained[],
  slots: ReadonlyMap<string, Slot>,
): (options: UpdateOptions) => Promise<void> {
  const hyper = memory.take(HYPER);
  const program = independent(machine, memory, (call) => {
    for (const { name, weight, block } of parameters) {
      const { gradient, state, mask } = slots.get(name)!.blocks;
      const [first, second] = state.map((buffer) => ({ buffer }));
      const common = {
        weight: { buffer: block },
        gradient: { buffer: gradient },
        first,
        mask: { buffer: mask },
        hyper: { buffer: hyper },
        elements: weight.length,
      };
      if (kind === 'sgd') call.sgd(common);
      else call.adam({ ...common, second });
    }
  });
  return async (options) => {
    const numbers = kind === 'sgd' ? sgdNumbers(options) : adamNumbers(options, kind === 'adamw');
    machine.floats(hyper.fixed, HYPER).set(numbers);
    machine.push(hyper.fixed, HYPER);
    await machine.run(program);
  };
}

function normOf(machine: Machine, memory: Arena, slots: readonly Slot[]): () => Promise<number> {
  const runs = slots.map(({ gradient }) => Math.ceil(gradient.length / UPDATE_RUN));
  const row = memory.row(runs.map((n) => 2 * n));
  const sums = row.blocks;
  const program = independent(machine, memory, (call) => {
    for (const [i, { blocks, gradient }] of slots.entries())
      call.squareSum({
        x: { buffer: blocks.gradient },
        mask: { buffer: blocks.mask },
        sums: { buffer: sums[i] },
        elements: gradient.length,
      });
  });
  return async () => {
    await machine.run(program);
    await row.pull();
    let total = 0;
    for (const [i, { fixed }] of sums.entries()) for (const x of machine.doubles(fixed, runs[i])) total += x;
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

function sums(machine: Machine, slots: readonly Slot[]): Sums {
  const memory = arena(machine);
  const totals = slots.map((s) => memory.take(s.gradient.length));
  const passes = memory.take(1);
  const count = { ...wholePlace(passes, [1]), strides: [0] };
  const whole = (block: Block) => wholePlace(block, [block.size]);
  const clear = independent(machine, memory, (_, l) => {
    for (const total of totals) lowerFill(l, whole(total), 0);
  });
  const add = independent(machine, memory, (call) => {
    for (const [i, { blocks, gradient }] of slots.entries())
      call.accumulate({
        sum: { buffer: totals[i] },
        gradient: { buffer: blocks.gradient },
        elements: gradient.length,
      });
  });
  const mean = independent(machine, memory, (_, l) => {
    const expression = call('div', input(0), input(1));
    for (const [i, { blocks }] of slots.entries()) {
      const place = whole(blocks.gradient);
      lowerMap(l, place.shape, [whole(totals[i]), count], [{ expression, how: 'store', place }], false);
    }
  });
  return {
    async add(first) {
      if (first) await machine.run(clear);
      await machine.run(add);
    },
    async finish(number) {
      machine.floats(passes.fixed, 1)[0] = number;
      machine.push(passes.fixed, 1);
      await machine.run(mean);
    },
    close: memory.free,
  };
}
