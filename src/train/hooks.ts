/**
 * What a method of pruning may do in a training run, without the trainer knowing any: plain functions, called between
 * the parts of a step.
 *
 * ```
 * start or restore
 * for t = 1 … iterations
 *   forward, backward
 *   afterGradients        weights and gradients of this very mini-batch
 *   optimiser step        the engine makes masked weights and what it remembers of them exactly 0; unless a hook's
 *                         report says to skip it
 *   afterUpdate
 *   after the epoch's last step: endEpoch, then evaluation
 * ```
 */
import type { Batch, Split } from '../data/index.js';
import type { Network, Training } from '../engine/index.js';
import type { Objective } from '../objectives/index.js';
import type { TrainData } from './data.js';
import type { EvaluateOptions, Evaluation } from './evaluate.js';
import type { Access } from './reach.js';

/**
 * The run as a hook sees it. Masks are `training.slots.get(name).mask`, 1 kept and 0 pruned. All arrays are as the last program left them
 * when a hook is called, and taken over as the hook leaves them, as far as it does not say otherwise ({@link Hook.touches}). A hook that
 * itself has programs run in between pulls and pushes by hand: see `Network`.
 */
export interface TrainState {
  /** The network that is trained. */
  readonly network: Network;
  /** Its compiled training step. */
  readonly training: Training;
  /** Optimiser steps of the whole run. */
  readonly iterations: number;
  /** Seed of the run. */
  readonly seed: number;
  /** What the run minimises. */
  readonly objective: Objective;
  /** Of the optimiser step of an iteration, counted from 1. */
  learningRate(iteration: number): number;
  /** The images and labels that the run's first step trains on. */
  firstBatch(): Promise<Batch>;
  /** So many training images of every class, or all that a class has, drawn by the seed, augmented, class after class. */
  examples(perClass: number): Promise<Batch>;
}

/** The same with what concerns epochs. */
export interface EpochState extends TrainState {
  /** Optimiser steps of an epoch. */
  readonly steps: number;
  readonly data: TrainData;
  /** Figures of the network as it is, in inference form: running statistics are read and stay. */
  evaluate(split: Split, options?: Pick<EvaluateOptions, 'byClass'>): Promise<Evaluation>;
}

/** What the trainer needs to know of masks that have changed; a method's own report adds to it. Survives JSON. */
export interface MaskReport {
  /** 0 for the start. */
  iteration: number;
  /** Fraction of the prunable weights that are pruned. */
  sparsity: number;
  /** From here on the target is met. Masks stay as they are, unless weights are still exchanged one for one. */
  final: boolean;
  /** This iteration's optimiser step is left out. */
  skip?: boolean;
}

/** When a hook acts within a step. */
export type HookMoment = 'afterGradients' | 'afterUpdate';

type Report = MaskReport | undefined;

/** Takes part in a training, for example to prune: every function is optional and called at its place in the run. */
export interface Hook {
  /** Before the first step of a fresh run; sets the first masks and zeroes at once what they prune. */
  start?(state: EpochState): Report | Promise<Report>;
  /**
   * Between the backward pass and the optimiser step of iteration t, counted from 1. Whoever changes a mask zeroes the
   * weights, and all that the optimiser remembers of them, at once.
   */
  afterGradients?(state: TrainState, iteration: number): Report | Promise<Report>;
  /**
   * Whether afterGradients will read the gradients of pruned weights at this iteration, or keep some of these weights
   * again, so that the optimiser step reads them. Where no hook needs them they may be 0, and are not computed if that is
   * faster. Without this function, a hook that has afterGradients is taken to need them.
   */
  needsPrunedGradients?(iteration: number): boolean;
  /**
   * What afterGradients and afterUpdate read and write at this iteration: everything, where a hook does not say. On a GPU only that is
   * copied to the host and back, so a hook that acts rarely, or on little, should say so.
   */
  touches?(moment: HookMoment, iteration: number, state: TrainState): Access;
  /** How many passes the run's `samples` are at this iteration, where the hook draws nothing any more: fewer. */
  samples?(iteration: number): number | undefined;
  /** After every optimiser step. */
  afterUpdate?(state: EpochState, iteration: number): void | Promise<void>;
  /**
   * After the last step of an epoch, counted from 0, and before the network is measured. Called again, on the same state,
   * where a run was stopped in between.
   */
  endEpoch?(state: EpochState, epoch: number): Report | Promise<Report>;
  /**
   * Where the learning-rate schedule takes an iteration, counted from 0, to be, and how long it takes the run for: for
   * hooks that train more than once in a run. Only the first hook that has one is asked.
   */
  clock?(iteration: number): { iteration: number; iterations: number };
  /** What the hook must find again when the run is resumed, besides the masks: plain data that survives JSON. */
  save?(): unknown;
  /** What it must find again that is too large for that, by names of its own. */
  arrays?(): ReadonlyMap<string, Float32Array>;
  /** Instead of `start`, when a run is resumed; weights, masks and optimiser are already what they were. */
  restore?(saved: unknown, state: TrainState, arrays: ReadonlyMap<string, Float32Array>): void;
}
