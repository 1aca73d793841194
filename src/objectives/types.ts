/** What an objective is: the targets that it takes, the loss that training minimises, and the metrics by which networks are compared. */
import type { Batch, Split } from '../data/index.js';
import type { Network, Targets, TrainingOptions } from '../engine/index.js';
import type { Graph } from '../onnx/index.js';

/** A metric as tables and sentences name it. */
export interface Metric {
  /** Key of the metric in figures and files. */
  name: string;
  /** The metric in words, for tables. */
  title: string;
  /** Which direction is better. */
  better: 'higher' | 'lower';
  /** It is a fraction, shown in percent. */
  percent?: boolean;
}

/** For every class: how many samples have it as their label, and for how many of them it ranks first. */
export interface ByClass {
  samples: number[];
  right: number[];
}

/** How good a network is on a split. */
export interface Figures {
  /** Mean over the samples, without what only training adds, such as label smoothing. */
  loss: number;
  /** Of classifiers: the fraction whose label ranks first, and among the first five where there are at least ten classes. */
  accuracy?: number;
  /** Fraction of the samples whose label is among the five highest outputs; absent below ten classes. */
  top5?: number;
  /** Class by class, where it was asked for. */
  byClass?: ByClass;
  /** Of every other objective, by name. */
  metrics?: Record<string, number>;
}

/** What the engine is told of the loss. */
export type LossOptions = Pick<
  TrainingOptions,
  'labelSmoothing' | 'classWeights' | 'teacher' | 'goal' | 'output'
>;

/** Values by name, dense and sample first. */
export type Answers = Readonly<Record<string, Float32Array>>;

/** Adds up what a network answers on a split. */
export interface Judge {
  add(answers: Answers, batch: Batch, taught: Answers): void;
  /** `notFinite`: samples of whose answers no finite loss can be computed. */
  figures(): Figures & { notFinite: number };
}

/** What only training adds to a loss. */
export type TrainingExtras = Pick<TrainingOptions, 'labelSmoothing' | 'classWeights' | 'teacher'>;

/** What training minimises, and how models are measured and compared. */
export interface Objective {
  /** Short name of the objective. */
  name: string;
  /** In a sentence: 'distillation from the teacher’s outputs'. */
  title: string;
  /** The first compares networks. */
  metrics: readonly Metric[];
  /** What tells it from others of its name in a resumed run. Survives JSON. */
  settings: object;
  /** What samples are compared with are their labels. */
  labelled?: true;
  /** The same objective with what only training adds; absent where it takes nothing of the kind. */
  withExtras?(extras: TrainingExtras): Objective;
  /** The model whose answers are compared with; takes the same inputs. */
  teacher?: Graph;
  /** What the teacher answers to a batch, where its samples bring that along. */
  answers?(batch: Batch): Answers | undefined;
  /** The graph that is trained in the place of a graph: with the same names and weights. */
  form?(graph: Graph): Graph;
  /** The loss of a graph; for scores of weights, one whose gradient is not 0 where the network already is what it should be. */
  loss(graph: Graph, use: 'training' | 'scoring'): LossOptions;
  /** What a batch is compared with. */
  targets(batch: Batch): Targets | Int32Array;
  /**
   * Checks that samples fit the objective. `shapes`: of one sample of every value that is read.
   * @throws UserError where the samples are not what the objective takes.
   */
  check(
    split: Split,
    network: Pick<Network, 'graph' | 'inputs'>,
    shapes: ReadonlyMap<string, readonly number[]>,
  ): void;
  /** Names of the values that `Judge.add` reads, of a network and of the teacher. */
  reads(graph: Graph): readonly string[];
  /** `shapes`: of one sample of every value that is read. */
  judge(graph: Graph, shapes: ReadonlyMap<string, readonly number[]>): Judge;
}
