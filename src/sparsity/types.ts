/**
 * What the trainer and a pruning method say to each other: plain data and functions, nothing that remembers.
 *
 * A method is planned once, before training: `plan` checks everything that can be checked and works out every cut in
 * numbers. From then on the masks, kept by the trainer, are the only state: `update` is a function of the plan, the
 * layers and the iteration; and, for the few methods that need it, of arrays that are kept for it (`Surroundings.memory`). The plan is plain data and goes into the run folder, because a resumed run cannot work it
 * out again (the zeros of the starting model are no longer to be told from the pruned ones).
 *
 * The trainer, with iterations counted from 1:
 * ```
 * plan = method.plan(context, options)        // throws before anything is done
 * await method.start(plan, layers, around)    // not when resuming
 * for t = 1 … iterations
 *   forward, backward                         // raw gradient wherever method.needsGradient(plan, t)
 *   method.update(plan, layers, t, around)    // sees the weights and gradient of this very mini-batch
 *   optimiser step, then applyMasks(layers)   // or the same inside the engine; left out if the report says `skip`
 *   method.afterUpdate?.(plan, t, around)
 * ```
 */
import type { PaperSource, Settings } from '../base/index.js';
import type { Sparsifier } from '../calibration/index.js';
import type { Access, HookMoment, TrainState } from '../train/index.js';

/** 1 = kept, 0 = pruned. */
export type Mask = Uint8Array | Float32Array;

/**
 * One weight tensor that counts in the denominator, as the trainer exposes it. The arrays are live views, row-major in
 * the layout of the ONNX initialiser, all of the same length; take them afresh for every call if memory may move.
 */
export interface Prunable {
  /** The initialiser's name. */
  name: string;
  /** The operator that reads it: Conv, Gemm, … */
  op: string;
  /** Shape of the weight, as in the file. */
  shape: readonly number[];
  /** The axis of `shape` that counts output units: 0 for Conv, 1 for a Gemm without transB. */
  outputAxis: number;
  /** The axis that counts its inputs; default: 1 where outputs come first, else the axis before theirs. */
  inputAxis?: number;
  /** The values: a live view, row-major. */
  weight: Float32Array;
  /** Gradient of the mini-batch's loss, without weight decay; only read where {@link Method.needsGradient} asks. */
  gradient: Float32Array;
  /** Whatever the optimiser remembers per weight. */
  momentum: readonly Float32Array[];
  /** 1 for weights that are kept, 0 for pruned ones: a live view. */
  mask: Mask;
  /** Number of elements of the bias beside it, 0 if there is none. */
  biases: number;
  /** The first convolution of the graph. */
  first: boolean;
  /** The layer that gives the network's output. */
  last: boolean;
}

/** The run around the layers, for methods that look further than those. */
export interface Surroundings
  extends Pick<
    TrainState,
    'network' | 'training' | 'iterations' | 'seed' | 'objective' | 'firstBatch' | 'examples'
  > {
  /** Arrays that a method keeps from one iteration to another; saved and restored with the run. */
  memory: Map<string, Float32Array>;
}

/** What a method may know before training starts. */
export interface Context {
  layers: readonly Prunable[];
  /** Optimiser steps of the whole run; 0 where nothing is trained. */
  iterations: number;
  seed: number;
}

/** What every plan tells the trainer and the report; a method's own plan adds to it. Survives JSON. */
export interface Plan {
  /** Name of the method. */
  method: string;
  /** The options, complete. */
  options: object;
  /** What counts in the denominator of sparsity: elements in all. */
  counted: number;
  /** Counted elements that will be zero at the end. */
  pruned: number;
  /** Layers that count, those that are not pruned included. */
  layers: readonly PlannedLayer[];
  /** Iterations at which masks change, ascending, 0 before the first. From the last one on masks are frozen. */
  updates: readonly number[];
}

/** A layer's part in the plan. */
export interface PlannedLayer {
  name: string;
  size: number;
  /** Weights that are not zero as training begins, before the method's own start. */
  present: number;
  /** Why it is not pruned; absent if it is. */
  spared?: string;
}

/** How many weights there are and how many are kept, all told and by layer. */
export interface Census {
  /** Number of prunable weights. */
  size: number;
  /** How many of them are kept. */
  kept: number;
  /** Fraction of the weights that are pruned. */
  sparsity: number;
  /** The same with the layers' biases, which are never pruned, in the denominator. */
  sparsityWithBiases: number;
  /** The same layer by layer. */
  layers: { name: string; size: number; kept: number; density: number }[];
}

/** What a mask update did. */
export interface UpdateReport extends Census {
  /** 0 for the start. */
  iteration: number;
  /** The density that the schedule asked for, over the plan's denominator. */
  scheduled: number;
  /** Weights that were kept and are pruned now. */
  dropped: number;
  /** Weights that were pruned and are kept again. */
  grown?: number;
  /** Layers that keep their last weight although the ranking would have taken it (`allowEmpty` lets it). */
  held?: string[];
  /** True from the update that reaches the target. */
  final: boolean;
  /** The step of this iteration is left out. */
  skip?: boolean;
}

/** A pruning method; `Options` is what a caller may give. `plan` checks them. */
// biome-ignore lint/suspicious/noExplicitAny: a method of any options
export interface Method<Options extends object = any> {
  /** The name after `--method`. */
  name: string;
  /** One line: what it is and whose. */
  summary: string;
  /** Where it comes from. */
  source?: PaperSource;
  /** What it can be told: rules, defaults and help. Nothing else is accepted. */
  settings: Settings;
  /** The defaults of these. */
  defaults: Readonly<Record<string, unknown>>;
  /** How samples choose what goes before the run begins; the method then finds it at zero. */
  calibrated?: Sparsifier;
  /** For the compiler alone. */
  readonly given?: Options;
  /** Works the whole run out. Throws a UserError if it cannot succeed. */
  plan(context: Context, options: Readonly<Record<string, unknown>>): Plan;
  /** Sets the masks that training begins with, and zeroes what they prune. */
  start(plan: Plan, layers: readonly Prunable[], around: Surroundings): UpdateReport | Promise<UpdateReport>;
  /** Whether `update` will read the gradient (of kept weights) at this iteration. */
  needsGradient(plan: Plan, iteration: number): boolean;
  /**
   * Whether it will read that of pruned weights, or keep some of them again, so that the optimiser reads it; it may be 0
   * otherwise. Default: as {@link needsGradient}.
   */
  needsPrunedGradient?(plan: Plan, iteration: number): boolean;
  /**
   * What `update` (afterGradients) and `afterUpdate` read and write at this iteration; a GPU copies only that to the host and back.
   * Default: everything, `update` at the plan's updates and wherever {@link needsGradient} asks, `afterUpdate` always.
   */
  touches?(plan: Plan, moment: HookMoment, iteration: number): Access;
  /** Updates the masks if this iteration is one of the plan's updates, and zeroes what it prunes. */
  update(
    plan: Plan,
    layers: readonly Prunable[],
    iteration: number,
    around: Surroundings,
  ): UpdateReport | undefined;
  /** After every optimiser step, for methods that remember what it made. */
  afterUpdate?(plan: Plan, iteration: number, around: Surroundings): void;
  /** Where the learning-rate schedule takes an iteration, from 0, to be; for methods that train more than once in a run. */
  clock?(plan: Plan, iteration: number): { iteration: number; iterations: number };
}
