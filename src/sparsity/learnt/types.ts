/** Methods that learn their masks: what they make of a model before training, and what they ask of the trainer. */
import type { PaperSource, Settings } from '../../base/index.js';
import type { Graph } from '../../onnx/index.js';
import type { Hook, TrainOptions } from '../../train/index.js';

/** What such a method may know before training starts. */
export interface LearntContext {
  /** Of the whole run, as the other settings are. */
  epochs: number;
  /** Optimiser steps of an epoch. */
  steps: number;
  /** Seed of everything random. */
  seed: number;
  /** Of the weights. */
  optimizer: TrainOptions['optimizer'];
  /** Learning-rate schedule of the weights. */
  schedule: TrainOptions['schedule'];
  /** Where the model leaves them open. */
  inputShapes: Record<string, number[]>;
}

/** A run of such a method; `bakeMasks` makes a model of the trained graph. */
export interface LearntRun {
  /** The model with its masks, ready to be loaded. */
  graph: Graph;
  /** What the trainer is told besides its own settings, or instead of them. */
  training: Pick<TrainOptions, 'schedule'> & Pick<TrainOptions, 'trained' | 'apart' | 'samples' | 'clip'>;
  /** Takes part in the training, and ends with the final masks. */
  hook: Hook;
}

/** `Options` is what a caller may give. */
// biome-ignore lint/suspicious/noExplicitAny: a method of any options
export interface LearntMethod<Options extends object = any> {
  /** The name after `--method`. */
  name: string;
  /** One line: what it is and whose. */
  summary: string;
  /** Where it comes from. */
  source?: PaperSource;
  /** What it can be told: rules, defaults and help. Nothing else is accepted. */
  settings: Settings;
  /** For the compiler alone. */
  readonly given?: Options;
  /** Its options, but for the target and those that depend on the run. */
  defaults: Readonly<Record<string, unknown>>;
  /** Names of options that the length of the run decides where they are not given. */
  leftToLength?: readonly string[];
  /** Without a target sparsity is an outcome. */
  targetOptional?: true;
  /**
   * Adds masks to the model, and returns how to train it.
   * @throws UserError when an option makes no sense, or nothing can be pruned.
   */
  prepare(graph: Graph, options: Readonly<Record<string, unknown>>, context: LearntContext): LearntRun;
}
