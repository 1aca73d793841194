/** What the page of the playground asks of its worker, and what the worker tells it meanwhile. */
import type { Inspection, Summary } from '../runs/index.js';
import type { EpochMetrics, TrainProgress } from '../train/index.js';
import type { DrawnNetwork } from '../watch/index.js';

/** What there is before anything is chosen. */
export interface Start {
  /** 'wasm, relaxed-simd, 2 threads' */
  engine: string;
  /** The name of the GPU that the page may compute on, where it has one. */
  gpu?: string;
  /** Whether files outlive the worker and the page. */
  kept: boolean;
  methods: MethodChoice[];
  /** A run that neither ended nor was discarded. */
  interrupted?: Interrupted;
}

export interface MethodChoice {
  name: string;
  summary: string;
  removes: 'channels' | 'weights';
  /** It prunes while it trains, so it needs data and epochs. */
  trains: boolean;
}

export interface Interrupted {
  model: string;
  method: string;
  /** Epochs that are done. */
  epochs: number;
}

/** A network that the page can show without a file. */
export type Example = 'digits' | 'resnet20' | 'mobilenetv2';

export interface ModelGiven {
  name: string;
  file?: Blob;
  example?: Example;
  /** As of `--input-shape`: 'C,H,W'. */
  inputShape?: string;
}

export type Facts = Omit<Inspection, 'card'>;

export interface OpenedModel {
  name: string;
  facts: Facts;
  network: DrawnNetwork;
}

/** As after `--data`, without a place. */
export type DataKind = 'none' | 'digits' | 'npz' | 'images';

export interface DataGiven {
  kind: DataKind;
  /** Where each lies below the folder that was dropped. */
  files: { path: string; file: Blob }[];
  inputShape?: string;
}

export interface OpenedData {
  kind: DataKind;
  train: number;
  test: number;
  classes: readonly string[];
  shape: readonly number[];
  labelled: boolean;
  notes: readonly string[];
}

/** How a model is pruned. */
export interface Choice {
  data: DataKind;
  method: string;
  target: 'macs' | 'params' | 'sparsity';
  /** What is left of MACs or parameters, or the share of the weights that goes. */
  amount: number;
  /** Solve for the weights behind what goes. */
  reconstruct: boolean;
  epochs: number;
  /** Learn from the model as it was. */
  distil: boolean;
  inputShape?: string;
  /** Compute on the GPU. */
  gpu?: boolean;
}

/** What a run will take. */
export interface Cost {
  /** Of computing, roughly. */
  seconds: number;
  /** Of memory. */
  bytes: number;
  /** That the page can have. */
  limit: number;
}

export interface Result {
  name: string;
  summary: Summary;
  /** After pruning, with what is left of each layer. */
  network: DrawnNetwork;
  /** Whether pictures can be compared, numbers of so many values a sample, or only random ones. */
  takes: { pictures: boolean; samples?: number };
}

/** What both models are shown. */
export type Frame =
  | { kind: 'picture'; pixels: { data: Uint8ClampedArray; width: number; height: number } }
  | { kind: 'samples'; values: Float32Array }
  | { kind: 'random' };

export interface CompareGiven {
  frame: Frame;
  /** Whether onnxruntime-web is timed, too. */
  onnxruntime: boolean;
}

export interface Answer {
  /** The best classes, where the model is a classifier of pictures. */
  labels?: { label: string; score: number }[];
  /** Milliseconds, the median of some runs. */
  espalier: number;
  onnxruntime?: number;
}

export interface Comparison {
  original: Answer;
  pruned: Answer;
  /** Of pictures the largest difference of a score, otherwise that of the answers, relative to the largest answer. */
  difference: number;
  /** What the times were measured with. */
  machine: string;
  /** Why onnxruntime-web was not timed. */
  without?: string;
}

export type Download = 'model.onnx' | 'model.espk' | 'report.html';

/** What can be asked: what is given, and what comes back. */
export interface Calls {
  start: [given: undefined, answer: Start];
  openModel: [given: ModelGiven, answer: OpenedModel];
  openData: [given: DataGiven, answer: OpenedData];
  cost: [given: Choice, answer: Cost];
  /** Undefined where it was stopped. */
  prune: [given: Choice, answer: Result | undefined];
  resume: [given: undefined, answer: Result | undefined];
  discard: [given: undefined, answer: undefined];
  stop: [given: undefined, answer: undefined];
  compare: [given: CompareGiven, answer: Comparison];
  download: [given: Download, answer: Blob];
}

export type Call = keyof Calls;

export interface Request<C extends Call = Call> {
  id: number;
  call: C;
  given: Calls[C][0];
}

/** An answer, or the sentence that says why there is none. */
export type Reply = { id: number; answer: unknown } | { id: number; refusal: string };

/** What is told while something is under way. */
export type News =
  | { news: 'note'; sentence: string }
  | { news: 'step'; progress: TrainProgress }
  | { news: 'epoch'; metrics: EpochMetrics };

export type Message = Reply | News;
