/** What the server tells the page; the page imports these types and nothing else of this room. */

/** `stopped`: begun, not finished, and no process is at work on it. */
export type Status = 'running' | 'stopped' | 'finished' | 'failed';

/** A metric of a run's objective. */
export interface RowMetric {
  name: string;
  title: string;
  better: 'higher' | 'lower';
  /** It is a fraction, shown in percent. */
  percent?: boolean;
}

/** A run, as a row of the list. */
export interface RunRow {
  /** The folder, relative to the watched one, with '/' between names. */
  id: string;
  /** The same without the seed: runs that differ in nothing else. */
  setting: string;
  status: Status;
  command: string;
  model: string;
  data: string;
  method: string;
  seed: number;
  /** Epochs that the recipe asks for, and that are done. */
  epochs: number;
  epoch: number;
  /** The stage at work, in a run of several. */
  stage?: string;
  /** Figures of the last epoch by name: 'loss', 'test.accuracy'. */
  latest: Record<string, number>;
  /** Figures of the finished run by name: 'accuracy', 'macs'; fractions where they are. */
  result: Record<string, number>;
  /** What its objective measures, where that is not accuracy; the first compares runs. */
  metrics?: RowMetric[];
  /** Estimated seconds until it is done, of a run at work. */
  secondsLeft?: number;
  /** Why it failed. */
  error?: string;
  /** When its folder last changed, in milliseconds since 1970. */
  changed: number;
}

/** The figures of a run's epochs: for each name a number an epoch, null where an epoch has none. */
export interface Curves {
  names: string[];
  /** Stage of each epoch, where there are several. */
  stages: (string | null)[];
  values: Record<string, (number | null)[]>;
}

/** Density of every prunable layer after each update of the masks. */
export interface Layers {
  names: string[];
  sizes: number[];
  /** One row for each update. */
  densities: number[][];
}

export interface RunDetail {
  row: RunRow;
  recipe: Record<string, unknown>;
  summary?: Record<string, unknown>;
  curves: Curves;
  layers: Layers;
  /** Files that can be opened. */
  files: string[];
}

/** A node of the network, or a block of nodes that are folded into one. */
export interface NetworkNode {
  id: string;
  op: string;
  name: string;
  /** Names of the blocks that it lies in, the outermost first. */
  path: string[];
  /** Fraction of its prunable weights that are kept. */
  density?: number;
  params: number;
  macs: number;
  /** MACs after channels were removed. */
  macsAfter?: number;
}

export interface DrawnNetwork {
  nodes: NetworkNode[];
  edges: [from: string, to: string][];
}

/** How long a run's model takes for one sample in espalier/runtime, the mean. */
export interface LayerTimes {
  /** Milliseconds of all layers, and of what lies between them. */
  ms: number;
  /** 'native, AVX-512, 2 threads' */
  machine: string;
  /** In the order of the time that they take; what was fused counts for the last of its nodes. */
  layers: { name: string; ms: number }[];
}
