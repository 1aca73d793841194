/**
 * What a method of pruning may do in a training run, without the trainer knowing any: plain functions, called between
 * the parts of a step.
 *
 * ```
 * start or restore
 * for t = 1 … iterations
 *   forward, backward
 *   afterGradients        weights and gradients of this very mini-batch
 *   optimiser step        the engine makes masked weights and what it remembers of them exactly 0
 * ```
 */
import type { Network, Training } from '../engine/types.js';

/** The run as a hook sees it. Masks are `training.slots.get(name).mask`, 1 kept and 0 pruned. */
export interface TrainState {
  readonly network: Network;
  readonly training: Training;
  /** Optimiser steps of the whole run. */
  readonly iterations: number;
  readonly seed: number;
}

/** What the trainer needs to know of masks that have changed; a method's own report adds to it. Survives JSON. */
export interface MaskReport {
  /** 0 for the start. */
  iteration: number;
  /** Fraction of the prunable weights that are pruned. */
  sparsity: number;
  /** From here on masks stay as they are, and the target is met. */
  final: boolean;
}

type Report = MaskReport | undefined;

export interface Hook {
  /** Before the first step of a fresh run; sets the first masks and zeroes at once what they prune. */
  start?(state: TrainState): Report | Promise<Report>;
  /**
   * Between the backward pass and the optimiser step of iteration t, counted from 1. Whoever changes a mask zeroes the
   * weights, and all that the optimiser remembers of them, at once.
   */
  afterGradients?(state: TrainState, iteration: number): Report | Promise<Report>;
  /** What the hook must find again when the run is resumed, besides the masks: plain data that survives JSON. */
  save?(): unknown;
  /** Instead of `start`, when a run is resumed; weights, masks and optimiser are already what they were. */
  restore?(saved: unknown, state: TrainState): void;
}
