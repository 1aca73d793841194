/** What a training run is given, what it tells while it runs, and what it gives back. */
import type { Augmentation } from '../data/index.js';
import type { Network, Parameter, Teacher } from '../engine/index.js';
import type { Objective } from '../objectives/index.js';
import type { TrainData } from './data.js';
import type { Hook, MaskReport } from './hooks.js';
import type { OptimizerSettings } from './optimizer.js';
import type { ScheduleSettings } from './schedule.js';
import { atLeastZero, flag, fraction, resolve, whole } from './settings.js';
import type { Best, EpochMetrics } from './state.js';

/** Options of {@link trainNetwork}. */
export interface TrainOptions {
  /** Loaded from a graph whose output is logits, see `trainingGraph`; its weights are trained in place. */
  network: Network;
  /** Samples and how to normalise them; see {@link openDataset}. */
  data: TrainData;
  /** Passes over the training samples. */
  epochs: number;
  /** Images in a step. */
  batch: number;
  /** Seed of order, augmentation and random numbers. */
  seed: number;
  /** The optimiser and its settings. */
  optimizer: OptimizerSettings;
  /** The learning-rate schedule. */
  schedule: ScheduleSettings;
  /** Which parameters are trained; default all learnt ones. */
  trained?: (parameter: Parameter) => boolean;
  /** Parameters that are trained in a way of their own. */
  apart?: Apart;
  /** Gradients are the mean over so many passes with fresh random numbers; default 1. */
  samples?: number;
  /** The norm that all gradients together are scaled down to where it is larger; default 0: they are left as they are. */
  clip?: number;
  /** What is minimised and measured; default classification, which alone has label smoothing and a teacher beside labels. */
  objective?: Objective;
  /** Default 0. */
  labelSmoothing?: number;
  /** By how much the gradients of a sample count, by its class; the loss that is told stays without. Default 1 for all. */
  classWeights?: readonly number[];
  /**
   * A model to learn from besides the labels, such as the network before it was pruned; it may end in a Softmax. At weight
   * 1 images may be without labels: −1.
   */
  teacher?: Teacher;
  /** Leave out an epoch's last batch when it is not full; default false. */
  dropLast?: boolean;
  /** Instead of the data set's own augmentation for training. */
  augment?: Augmentation;
  /** Images in a run of the evaluation; default 0: as many as are trained on together, but 16 to 256. */
  evaluationBatch?: number;
  /** Most bytes of activations; default what the machine has. */
  memory?: number;
  /** What takes part in the training, such as {@link pruningHook}; called in order. */
  hooks?: readonly Hook[];
  /** Where and how often to save the state of the run. Defaults to never. */
  checkpoint?: CheckpointOptions;
  /** Stops the run after the current step, with a checkpoint. */
  signal?: AbortSignal;
  /** Called once, before the first step. */
  onStart?: (start: TrainStart) => void;
  /** Called after every step. */
  onStep?: (progress: TrainProgress) => void;
  /** Called after every change of the masks. */
  onMasks?: (report: MaskReport) => void;
  /** Called after every epoch, when it has been measured. */
  onEpoch?: (metrics: EpochMetrics) => void;
}

/** An optimiser, of another kind than that of the other parameters, and a learning rate for some parameters. */
export interface Apart {
  holds: (parameter: Parameter) => boolean;
  optimizer: OptimizerSettings;
  schedule: ScheduleSettings;
}

/** The file also tells whether a resumed run has the same data, which are read once for that (see data/digest.ts). */
export interface CheckpointOptions {
  /** Path of the file. */
  path: string;
  /** The longest time between two; default 30. */
  seconds?: number;
  /** Go on from the file if it is there; default false, which begins anew. */
  resume?: boolean;
}

/** Told once, before the first step. */
export interface TrainStart {
  /** 'native, AVX-512, 2 threads' */
  engine: string;
  /** Optimiser steps of the whole run. */
  iterations: number;
  /** Steps that earlier processes have done. */
  done: number;
  /** Images that go through the network together; fewer than the batch where that would not fit in memory. */
  microBatch: number;
  /** Of activations. */
  peakBytes: number;
}

/** Told after every step. */
export interface TrainProgress {
  /** Counted from 1. */
  epoch: number;
  /** Number of epochs of the run. */
  epochs: number;
  /** In this epoch, counted from 1. */
  step: number;
  /** Number of steps of an epoch. */
  steps: number;
  /** Means over the epoch so far. */
  loss: number;
  /** Of classifiers. */
  accuracy?: number;
  /** Learning rate of this step. */
  learningRate: number;
  /** Fraction of the prunable weights that are pruned; absent where nothing is pruned. */
  sparsity?: number;
  /** Since this process began to train. */
  seconds: number;
  /** Seconds left, as far as can be told. */
  eta: number;
}

/** The result of {@link trainNetwork}. */
export interface TrainResult {
  /** False when the signal stopped the run. */
  finished: boolean;
  /** All epochs, those of earlier processes too. */
  epochs: EpochMetrics[];
  /** Reports of all changes of the masks. */
  masks: MaskReport[];
  /** Where there is a validation split: the best epoch at the final sparsity, and its weights for `withWeights`. */
  best?: Best & { weights: Map<string, Float32Array> };
}

const rules = {
  epochs: whole(1),
  batch: whole(1),
  seed: whole(0),
  samples: whole(1, 1),
  clip: atLeastZero(0),
  labelSmoothing: fraction(0),
  dropLast: flag(false),
  evaluationBatch: whole(0, 0),
};

/** The options that are plain numbers and flags, none left out. */
export type Plain = Required<Pick<TrainOptions, keyof typeof rules>>;

/** Fills in the defaults. @throws UserError on a value that makes no sense. */
export function resolvePlain(options: TrainOptions): Plain {
  const names = Object.keys(rules) as (keyof Plain)[];
  const given = Object.fromEntries(names.map((name) => [name, options[name]]));
  return resolve('training run', rules, given) as Plain;
}
