/**
 * What can be removed from a network whole: *units*, each some positions on axes of many values that go together or not at
 * all, gathered into *groups*. A channel of a convolution in a chain is a unit of its group: one position of the
 * convolution's weights and bias, of the BatchNorm behind it, and of the input axis of whatever reads it. Where branches
 * meet in a sum, positions of both are one unit; behind a Flatten a unit is h·w positions.
 */
import type { Graph } from '../onnx/index.js';

/**
 * How an axis of a parameter takes part. `out`: its positions are what the parameter produces (filters of a convolution);
 * `in`: what it consumes; `along`: it holds a number for each (scale, bias, running mean, slope of a PRelu).
 */
export type Role = 'out' | 'in' | 'along';

/** An axis of an initialiser in a group. */
export interface Member {
  /** Name of the initialiser. */
  tensor: string;
  axis: number;
  role: Role;
  /** Of every unit, in order: its positions on the axis. Equally many for each. */
  positions: readonly (readonly number[])[];
}

/** Units that lie on exactly the same axes, and may each be removed or kept. */
export interface Group {
  /** The first initialiser that produces it, such as `layer1.0.conv1.weight`; with `#2`, … where one makes several groups. */
  name: string;
  /** How many units it has. */
  size: number;
  /** Axes of tensors on which the units lie. */
  members: readonly Member[];
}

/** An axis of a weight that stays whole, and why, as a clause for people: "its positions are an output of the model". */
export interface Frozen {
  tensor: string;
  axis: number;
  role: Role;
  reason: string;
}

/** What of a graph can be removed, and what cannot. */
export interface Channels {
  /** Groups of units that may be removed. */
  groups: readonly Group[];
  /** Axes of weights that stay whole, and why. */
  frozen: readonly Frozen[];
  /**
   * Names of groups that together make up an axis: of every list, one unit at least must stay. Absent: one unit of every
   * group must.
   */
  floors?: readonly (readonly string[])[];
  /** What they were found with, so that they are found again. */
  options?: ChannelOptions;
}

/** What a target can be a number of. */
export type Measurable = 'macs' | 'params' | 'bytes' | 'latency';

/** What a network costs, in a target's unit. */
export type Cost = (graph: Graph) => number | Promise<number>;

/** How many units all groups have. */
export const unitsOf = ({ groups }: Pick<Channels, 'groups'>): number =>
  groups.reduce((sum, { size }) => sum + size, 0);

/** Of every group that is touched, by its name: whether each unit is kept. Groups that are absent are kept whole. */
export type Selection = ReadonlyMap<string, readonly boolean[]>;

export interface ChannelOptions {
  /** Shapes of inputs whose dimensions the file leaves open, by input name; the first dimension is the batch. */
  inputShapes?: Record<string, readonly number[]>;
  /** Remove whole heads of attention rather than the same dimensions of all heads. Default false. */
  heads?: boolean;
  /** Weights whose outputs stay, by name or by pattern (`layer1.*`): what they produce is not removed, what they read may be. */
  ignore?: readonly string[];
  /** Weights that stay as they are, inputs too. */
  freeze?: readonly string[];
}
