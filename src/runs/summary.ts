/** What a finished run says of itself: summary.json. */
import type { Figures, Metric, Objective } from '../objectives/index.js';
import type { EpochMetrics } from '../train/index.js';
import type { Drift } from './check/drift.js';
import type { ExportCheck } from './check/types.js';
import type { MeasuredLayer } from './measure.js';
import type { Pictures } from './pictures.js';
import type { TargetName } from './settings.js';

/** A figure before and after a run, and what was asked for. */
export interface Change {
  /** Absent where there was nothing to measure, as with a network that has never been trained. */
  before?: number;
  after: number;
  target?: number;
}

/** One prunable weight tensor at the end. */
export interface LayerSummary
  extends Omit<MeasuredLayer, 'units' | 'dead'>,
    Partial<Pick<MeasuredLayer, 'units' | 'dead'>> {
  /** Why it was not pruned, although it counts. */
  spared?: string;
}

/** A group of channels: units that stay or go together in all tensors of it. */
export interface GroupSummary {
  name: string;
  before: number;
  after: number;
  /** Tensors with the axis on which the units lie: 'conv1.weight:0'. */
  members: string[];
  /** Mean importance of its units when they were last scored; absent where they never were. */
  importance?: number;
  /** Why it was left whole, although it may go. */
  spared?: string;
}

/** What a run that removes channels has to say of them. */
export interface ChannelSummary {
  /** Units of all groups together. */
  units: Change;
  groups: GroupSummary[];
  /** Axes of weights that stay whole, and why. */
  frozen: { tensor: string; axis: number; role: 'out' | 'in' | 'along'; reason: string }[];
  /** How good the network was on the test samples after each stage, and right after channels were taken out. */
  stages: StageMeasured[];
  /**
   * How far the network without its channels was from the one with them at zero, relative to the largest answer; absent where
   * neither the engine nor onnxruntime can run it.
   */
  error?: number;
  /** BatchNorm was put back for the run and folded away again. */
  unfolded: boolean;
  /** Multiply-accumulates of every layer, by its weight. */
  layers: { name: string; before: number; after: number }[];
  /** Residual arms that were removed whole, and how far the answers were from the whole network's then: squared, relative to their variance. */
  arms?: { arm: string; macs: number; distance: number }[];
  /** Where it was measured: accuracy on samples that were not for testing, or the objective's metric, one group thinned at a time. */
  sensitivity?: { group: string; density: number; accuracy: number }[];
}

/** How often the test samples of one class are recognised. */
export interface ClassSummary {
  name: string;
  samples: number;
  accuracy: Change;
}

/** Counts in bins of equal width from −limit to limit; the outermost hold what lies beyond. */
export interface Histogram {
  limit: number;
  counts: number[];
}

/** What had been done when a network was measured; `kept`: what was done last is taken back, as it made the network worse. */
export type MeasuredAfter = 'trained' | 'pruned' | 'recalibrated' | 'reconstructed' | 'kept';

/** How good a network was at some point of a run, on the test samples. */
export interface Measured extends Figures {
  what: MeasuredAfter;
}

/** How good the network was after the stages of a run, or parts of them. */
export type StageMeasured = Measured & { stage: string };

/** The stages of a run of either kind. */
export const stagesOf = ({ channels, stages = [] }: Pick<Summary, 'channels' | 'stages'>): StageMeasured[] =>
  channels?.stages ?? stages;

/** An objective as reports name it; the first metric compares networks. */
export interface ObjectiveSummary {
  name: string;
  title: string;
  metrics: Metric[];
}

/** How files name an objective; classification is not named, as its figures have keys of their own. */
export const objectiveSummary = ({
  name,
  title,
  metrics,
  labelled,
}: Pick<Objective, keyof ObjectiveSummary | 'labelled'>): ObjectiveSummary | undefined =>
  labelled ? undefined : { name, title, metrics: [...metrics] };

/** A target that was carried out. */
export interface LossTrial {
  target: number;
  /** The metric on the held-out samples, and how much of it was lost; absent where the target could not be met. */
  value?: number;
  loss?: number;
  /** Why it could not. */
  refused?: string;
}

/** What a search for the farthest target has found. */
export interface LossSearch {
  /** The setting that is looked for. */
  of: TargetName;
  metric: Metric;
  /** What may be lost: of a fraction so many points, of another metric such a part of what it was. */
  allowed: number;
  /** Held-out samples, and the metric of the whole network on them. */
  samples: number;
  before: number;
  trials: LossTrial[];
  /** The target of the run, when the search is done. */
  found?: number;
}

/** What a finished run has reached, as written to summary.json in its folder. */
export interface Summary {
  /** Version of espalier. */
  espalier: string;
  /** The command that was run. */
  command: 'train' | 'prune';
  /** The model as it was given. */
  model: string;
  /** The data as they were given. */
  data: string;
  /** How pictures were prepared; absent where the data are none. */
  pictures?: Pictures;
  /** Sentences on what to know of the data; where there are any. */
  notes?: string[];
  /** Name of the pruning method. */
  method?: string;
  /** Seed of everything random. */
  seed: number;
  /** Passes over the training samples. */
  epochs: number;
  /** The machine in words: 'native, AVX-512, 2 threads'. */
  engine: string;
  /** Where the run was resumed on another engine: all that have computed it, one after another. */
  engines?: string[];
  /**
   * Weights that count in the denominator of sparsity, and what they are; `emptied`: layers without any left; `held`, where
   * there are any: layers that keep one weight only because none may be emptied.
   */
  prunable: { count: number; layers: LayerSummary[]; emptied: string[]; held?: string[] };
  /** Learnt tensors that no method prunes, and why. */
  unpruned: { name: string; size: number; reason: string }[];
  /** Fraction of the prunable weights that are zero. */
  sparsity: Change;
  /** The same with the biases beside them, which are never pruned, in the denominator. */
  sparsityWithBiases: Change;
  /** The same with the weights of dead units counted as zero. */
  effectiveSparsity: Change;
  /** Output channels of the prunable layers that are dead, of so many. */
  deadUnits: Change & { of: number };
  /** Learnt numbers, zeros included. */
  params: Change;
  /** Learnt numbers that are not zero. */
  nonzero: Change;
  /** Multiply-accumulates for one image as a dense runtime does them. */
  macs: Change;
  /** Those with a weight that is not zero. */
  effectiveMacs: Change;
  /** Those of them that lie between channels that are alive. */
  liveMacs: Change;
  /** How the prunable weights that are not zero are distributed. */
  weights: { before: Histogram; after: Histogram };
  /** Size of the model's file, as it is and after gzip. */
  bytes: { raw: Change; gzip: Change };
  /** Milliseconds of one image in onnxruntime; where that was the target, or the recipe asks for it. */
  latency?: Change;
  /** Where the run looked for its target: what was tried, and what it came to. */
  search?: LossSearch;
  /** What was removed where the method removes whole channels. */
  channels?: ChannelSummary;
  /** Of single weights that were made up for before any training: how good the network was right after they went, and then. */
  stages?: StageMeasured[];
  /** Fraction of the test samples classified correctly after the last epoch; absent of a run without data. */
  accuracy?: Change;
  /** Mean loss on the test split, in nats for a classifier. */
  loss?: Change;
  /** The accuracy of every class that has test samples, in the order of the classes. */
  classes?: ClassSummary[];
  /** What was minimised and measured instead, where that was not classification, and its metrics by name. */
  objective?: ObjectiveSummary;
  /** Metrics of the objective, by name, where it is not classification. */
  metrics?: Record<string, Change>;
  /** Of a run without data: how far each output is from that of the given model, on random inputs. */
  answers?: Drift[];
  /**
   * Sub-normal weights made 0 in the export, how far onnxruntime's answers are from the engine's, and the
   * element types of 16 bits that weights have.
   */
  export: { flushed: number; check: ExportCheck; narrow: string[] };
  /** Where there is a validation split: its best epoch at the final sparsity. */
  best?: { epoch: number } & Figures;
  /** Of training and evaluation, interruptions left out. */
  seconds: number;
}

/** A line of metrics.jsonl: an epoch, or an update of the masks. */
export type MetricsLine =
  | ({
      kind: 'epoch';
      /** In a run of several stages, as '3-fine-tune'; its epochs and iterations count from its own start. */
      stage?: string;
    } & EpochMetrics)
  | {
      kind: 'masks';
      stage?: string;
      /** 0 for the start. */
      iteration: number;
      sparsity: number;
      /** The density the schedule asked for. */
      scheduled?: number;
      /** Layers that keep their last weight although the ranking would have taken it. */
      held?: string[];
      final: boolean;
      /** Learnt probabilities: their sum, and how many lie in each twentieth of [0, 1]. */
      expected?: number;
      probabilities?: number[];
      /** Learnt thresholds: each layer's. */
      thresholds?: number[];
      layers?: { name: string; size: number; kept: number; density: number }[];
    };
