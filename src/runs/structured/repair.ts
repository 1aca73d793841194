/** The weights that read what is left of removed channels, solved for from samples; see the `calibration` room. */
import { type Calibration, reconstruct } from '../../calibration/index.js';
import {
  type Channels,
  keptIn,
  retiedAs,
  type Selection,
  untied,
  withMembers,
} from '../../channels/index.js';
import type { Machine } from '../../engine/index.js';
import type { Graph } from '../../onnx/index.js';
import type { RunOptions } from '../work.js';

/** A network before and after channels were removed. */
export interface Cut {
  graph: Graph;
  smaller: Graph;
  channels: Channels;
  selection: Selection;
}

export interface RepairOptions extends Pick<RunOptions, 'onNote' | 'signal'> {
  machine: Machine;
  inputShapes: Record<string, number[]>;
  samples: Calibration;
  /** How many there are, for people. */
  count: number;
}

/** What became of the layers, as a summary keeps it. */
export interface RepairFacts {
  samples: number;
  /** Of each layer that was solved for: its error relative to the variance of what it gave, before and after. */
  layers: { weight: string; before: number; after: number }[];
  left: { weight: string; reason: string }[];
}

/**
 * The smaller network with weights that reproduce what the whole one computes.
 * @returns no facts where no layer reads what was removed, or none could be solved for: then the network is as it was.
 */
export async function repaired(
  { graph, smaller, channels, selection }: Cut,
  { machine, inputShapes, samples, count, onNote, signal }: RepairOptions,
): Promise<{ graph: Graph; facts?: RepairFacts }> {
  const { graph: student } = untied(smaller);
  const result = await reconstruct(
    { teacher: withMembers(graph), student },
    {
      ...{ machine, inputShapes, samples, signal },
      kept: keptIn(graph, channels, selection),
      onPlan: ({ layers, values, moments }) =>
        onNote?.(
          `Reconstructing ${layers} layers from ${count} samples, with at most ${megabytes(values)} of activations and ${megabytes(moments)} of statistics in memory …`,
        ),
    },
  );
  if (result.layers.length === 0) return { graph: smaller };
  const layers = result.layers.map((layer) => ({ ...layer }));
  return {
    graph: retiedAs(result.graph, graph),
    facts: { samples: count, layers, left: result.left.map((one) => ({ ...one })) },
  };
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
