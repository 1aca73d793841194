/**
 * What the engine offers to the rooms above: a network in a machine's memory, and the programs that run on it. Whatever has a
 * `close` gives its memory back when the calls under way have ended, and throws a UserError when it is used after that.
 */
import type { BatchForm, Build, Type } from '../graph/index.js';
import type { Graph } from '../onnx/index.js';
import type { Layout } from './lowering/layout.js';
import type { Machine } from './machine.js';

/** Dense [count, …sample], by name of the input; or by itself what the only input takes. */
export type Inputs = Float32Array | Readonly<Record<string, Float32Array>>;

/** A learnt initialiser in the machine's memory. The arrays are views, row-major, valid until the network closes: see {@link Network.pull}. */
export interface Parameter {
  /** ONNX initialiser name. */
  name: string;
  /** Shape, as in the file. */
  shape: readonly number[];
  /** The values, row-major. */
  weight: Float32Array;
  /** Whether pruning may set its elements to zero (a weight, not a bias or a scale). */
  prunable: boolean;
  /** Operator of the node that uses it first. */
  op: string;
  /** Name of the node that uses it first. */
  node: string;
}

/**
 * A network whose weights live in a machine; programs compiled for it share them. Its arrays, and those of its training, are views of the
 * machine's memory or, where a machine has a memory of its own as a GPU has, of the host's copy of it: `pull` before you read there what
 * programs made, and `push` after you wrote. On CPUs both do nothing.
 */
export interface Network {
  /** The model that was loaded. */
  readonly graph: Graph;
  /** The machine that it was loaded on. */
  readonly machine: Machine;
  /** How samples lie in the inputs, and the shapes that the network was loaded for. */
  readonly batch: BatchForm;
  /**
   * Names of what comes out of it: of its outputs, or where the engine has no form for some operator, of those outputs that can be computed
   * and of the real numbers that go into what cannot. Weights that only that reads are no parameters.
   */
  readonly ends: readonly string[];
  /** Learnt parameters by initialiser name. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Running statistics by initialiser name. */
  readonly state: ReadonlyMap<string, Float32Array>;
  /** Resolves when the arrays of these initialisers, default all, can be read as the programs so far have left them. */
  pull(names?: Iterable<string>): Promise<void>;
  /** Programs take the arrays of these initialisers, default all, as you have written them. */
  push(names?: Iterable<string>): void;
  /** Shape of one sample of each input, without the batch; of a whole run where that is not made of samples. */
  readonly inputs: ReadonlyMap<string, readonly number[]>;
  /** Compiles the forward pass. */
  inference(options: InferenceOptions): Inference;
  /** Compiles forward, loss, backward and update. */
  training(options: TrainingOptions): Training;
  /** Of the elements of these parameters, all together. */
  clipping(names: readonly string[]): Clipping;
  /** Of the elements of each of these parameters, with masks (1 and 0) that are running state. */
  ranking(pairs: readonly { values: string; marks: string }[]): Ranking;
  /** The model in inference form, with copies of the weights and running statistics as the arrays have them: after a `pull`. */
  snapshot(): Graph;
  /** Frees all memory of the network and its programs. */
  close(): void;
}

/** z ↦ clip(z − v, 0, 1) for one v ≥ 0 over all elements of some parameters, in double precision. */
export interface Clipping {
  /** Σ clip(z − v, 0, 1), and how many z − v lie inside (0, 1). */
  measure(v: number): Promise<{ sum: number; inside: number }>;
  /** Every so many elements one, counted through all parameters; `every` is the same in every call. */
  sample(every: number): Promise<Float32Array>;
  /** In place. What rounding takes from one element is given to others, so that the sum is kept, but never exceeded. */
  apply(v: number): Promise<void>;
  close(): void;
}

/** Which elements of parameters are largest. */
export interface Ranking {
  /** Marks (1, others 0) so many elements of largest magnitude in each, of equal ones the first. */
  mark(kept: readonly number[]): Promise<void>;
  close(): void;
}

/** Options of {@link Network.inference}. */
export interface InferenceOptions {
  /** The most samples a run takes. */
  batch: number;
  /** Names of the outputs to compute, which may be any values of the model; default its outputs. */
  outputs?: readonly string[];
  /** Most bytes of activations; default what the machine has. */
  memory?: number;
  /**
   * In training form BatchNorm normalises by the samples of a run, from which it updates its running statistics, and Dropout
   * drops. Default 'inference'.
   */
  form?: 'inference' | 'training';
}

/** A compiled forward pass. */
export interface Inference {
  /** The most samples in a run. */
  readonly batch: number;
  /** Bytes of activations at the peak of a run. */
  readonly peakBytes: number;
  /** Shape of one sample of each output, without the batch. */
  readonly outputs: ReadonlyMap<string, readonly number[]>;
  /**
   * Runs `count` ≤ batch samples. Outputs are dense, sample first.
   * @throws UserError when an input is missing, has the wrong length or holds ids that a table has no row for.
   */
  run(inputs: Inputs, count: number): Promise<Record<string, Float32Array>>;
  /** Where the time of all runs went, by kernel: nanoseconds summed over threads; 'wait' is time in barriers. */
  profile(): ReadonlyMap<string, number>;
  /** The same step by step. */
  steps(): readonly StepTime[];
  /** What the program was made of. */
  readonly compiled?: Compiled;
  /** Frees the memory of the program. */
  close(): void;
}

/** A program to look at, and the shapes of its values. */
export interface Compiled {
  layout: Layout;
  type(name: string): Type;
}

/** A kernel call of a program, and the time that it has taken so far. */
export interface StepTime {
  kernel: string;
  /** The core value that it makes or helps to make, and by which core operator. */
  makes?: string;
  op?: string;
  /** Name of the model's node that this is a part of, or of the gradient of. */
  layer?: string;
  /** It is a part of the backward pass. */
  gradient: boolean;
  /** Nanoseconds over all runs, summed over threads. */
  time: number;
  /** Of the buffers that it reads or writes, each counted once. */
  bytes: number;
  /** Whether runs take it now: of several ways to the same values they take one. */
  taken: boolean;
}

export type OptimizerKind = 'sgd' | 'adam' | 'adamw';

/** Options of {@link Network.training}. */
export interface TrainingOptions {
  /** Samples of one step. Where they do not fit in memory they are split and their gradients accumulated. */
  batch: number;
  /** One optimiser for all parameters, or a choice for each. */
  optimizer: OptimizerKind | ((parameter: Parameter) => OptimizerKind);
  /** What is minimised: softmax cross-entropy with the labels, or the sum of all outputs (SynFlow). Default cross-entropy. */
  loss?: 'cross-entropy' | 'sum';
  /** Fraction of the label's weight that is shared among all classes, from 0 to below 1. Defaults to 0. */
  labelSmoothing?: number;
  /** By how much the gradients of a sample count, by its class; the loss that is told stays without. Default 1 for all. */
  classWeights?: readonly number[];
  /** The output that is trained, logits for the cross-entropy; needed where the model has several. */
  output?: string;
  /** Another model whose outputs are learnt as well as the labels. */
  teacher?: Teacher;
  /** What is minimised instead, which needs none of the four options above. */
  goal?: LossGraph;
  /** Gradients are the mean over so many passes with fresh random numbers (ProbMask). Default 1. */
  samples?: number;
  /**
   * Instead of its gradient g by the trained parameters, how g changes along {@link Training.directions}: Hv, H the Hessian.
   * Where the batch is split, the sum of what the parts give, each with its own mean loss.
   */
  curvature?: boolean;
  /** Parameters that are trained; default all learnt ones. */
  trained?: (parameter: Parameter) => boolean;
  /** Most bytes of activations; default what the machine has. */
  memory?: number;
  /** Seed of the random numbers inside the graph (Dropout). */
  seed?: number;
}

/**
 * A model that is imitated (Hinton, Vinyals, Dean: "Distilling the knowledge in a neural network", 2015):
 *
 *   loss = (1 − weight)·cross-entropy with the labels + weight·T²·KL(softmax(teacher/T) ‖ softmax(student/T))
 *
 * At weight 1 labels do not count, and may be −1.
 */
export interface Teacher {
  /** Takes the same inputs and gives logits of the same classes; used in inference form, and never changed. */
  graph: Graph;
  /** T, above 0. */
  temperature: number;
  /** From 0 to 1. */
  weight: number;
}

/** A loss as a graph of core operators over values of the model; the engine differentiates it like the model. */
export interface LossGraph {
  /** A model that answers the same inputs, in inference form; never changed. */
  teacher?: Graph;
  /** Emits the loss of one sample, of shape [1]. */
  emit(site: LossSite): string;
}

/** Where a loss is written. */
export interface LossSite {
  readonly tape: Build;
  /** The core value of a value of the model, or of its teacher. */
  value(name: string): string;
  taught(name: string): string;
  /** An array that every batch brings along, of this shape in each sample. */
  target(name: string, shape: readonly number[]): string;
}

/** What a batch is compared with. */
export interface Targets {
  /** By name, sample first. */
  arrays: Readonly<Record<string, Float32Array>>;
  /** By how much the loss of each sample counts: the loss of the batch is Σ share · loss. */
  shares: Float32Array;
}

/** Hyper-parameters of one update. Momentum for sgd; betas, epsilon and the 1-based step for adam and adamw. */
export interface UpdateOptions {
  /** Learning rate of this step. */
  learningRate: number;
  /** λ: added to the gradient as λw; adamw instead shrinks w by the learning rate times λ. */
  weightDecay: number;
  /** Momentum of sgd, from 0 to below 1. */
  momentum?: number;
  /** Use Nesterov momentum with sgd. */
  nesterov?: boolean;
  /** Decay of Adam's first moment. Defaults to 0.9. */
  beta1?: number;
  /** Decay of Adam's second moment. Defaults to 0.999. */
  beta2?: number;
  /** Added to the root of Adam's second moment. Defaults to 1e-8. */
  epsilon?: number;
  /** Number of the step, from 1, for Adam's bias correction. */
  step?: number;
  /** Factor on the gradients: min(1, limit / (norm + 1e-6)) clips their norm. Default 1. */
  gradientScale?: number;
}

/** Arrays of a slot of {@link Training}. */
export type SlotPart = 'gradient' | 'state' | 'mask';

/** A compiled training step: forward, loss, backward and update. */
export interface Training {
  /** The most samples in a step. */
  readonly batch: number;
  /** Samples per run where the batch is split; equal to `batch` where it is not. */
  readonly microBatch: number;
  /** Bytes of activations at the peak of a step. */
  readonly peakBytes: number;
  /** Each trained parameter's gradient, optimiser state (momentum; or first and second moment) and mask (1 kept, 0 pruned). */
  readonly slots: ReadonlyMap<string, { gradient: Float32Array; state: Float32Array[]; mask: Float32Array }>;
  /** The direction v of each trained parameter, zero at first; with `curvature`. */
  readonly directions?: ReadonlyMap<string, Float32Array>;
  /** As {@link Network.pull}, for these arrays of the slots of these parameters, default all that are trained. */
  pull(parts: readonly SlotPart[], names?: Iterable<string>): Promise<void>;
  /** As {@link Network.push}, for these arrays. */
  push(parts: readonly (SlotPart | 'direction')[], names?: Iterable<string>): void;
  /**
   * Forward and backward over `count` ≤ batch samples: fills the gradients, updates running statistics.
   * `step` numbers the draw of random numbers. Labels are class indices; a `LossGraph` takes targets. `samples`: passes of this step, default those of {@link TrainingOptions}, at most.
   * @returns mean loss, and of classifiers how many samples are right.
   */
  gradients(
    inputs: Inputs,
    labels: Int32Array | Targets,
    count: number,
    step: number,
    options?: { dense?: boolean; samples?: number },
  ): Promise<{ loss: number; correct?: number }>;
  /**
   * As `gradients`, but resolves as soon as the machine has taken the work on, so that a machine that is apart need not stand still until
   * the loss is known. `outcome` gives what `gradients` returns: call it once, before the next pass begins.
   */
  begin(
    inputs: Inputs,
    labels: Int32Array | Targets,
    count: number,
    step: number,
    options?: { dense?: boolean; samples?: number },
  ): Promise<{ outcome(): ReturnType<Training['gradients']> }>;
  /** Whether it is worth while to go on before the outcome of a pass is known. */
  readonly ahead: boolean;
  /**
   * One optimiser step on every parameter that is trained by `kind` (default: on all, where all are trained by one kind);
   * masked weights and their state become exactly 0.
   */
  update(options: UpdateOptions, kind?: OptimizerKind): Promise<void>;
  /** The Euclidean norm of all gradients together, those of masked weights left out. */
  gradientNorm(): Promise<number>;
  /** Where the last steps' time went, by kernel: nanoseconds summed over threads; 'wait' is time in barriers. */
  profile(): ReadonlyMap<string, number>;
  /** The same step by step, of gradients alone. */
  steps(): readonly StepTime[];
  /** What the program of the gradients was made of. */
  readonly compiled?: Compiled;
  /** Frees the memory of the programs. */
  close(): void;
}
