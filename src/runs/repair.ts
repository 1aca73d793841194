/** Weights that are solved for from samples, and what a run tells and keeps of it; see the `calibration` room. */
import { type Calibration, type ReconstructOptions, reconstruct } from '../calibration/index.js';
import type { Machine } from '../engine/index.js';
import type { Graph } from '../onnx/index.js';
import type { RunOptions } from './work.js';

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

/** A graph, and what became of its layers; no facts where none was solved for. */
export interface Repair {
  graph: Graph;
  facts?: RepairFacts;
}

/** The student with weights that reproduce what the teacher computes. */
export async function solvedFor(
  pair: { teacher: Graph; student: Graph },
  {
    machine,
    inputShapes,
    samples,
    count,
    onNote,
    signal,
    ...how
  }: RepairOptions & Pick<ReconstructOptions, 'kept' | 'keepZeros'>,
): Promise<Repair> {
  const result = await reconstruct(pair, {
    ...{ ...how, machine, inputShapes, samples, signal },
    onPlan: ({ layers, values, moments }) =>
      layers > 0 &&
      onNote?.(
        `Reconstructing ${layers} ${layers === 1 ? 'layer' : 'layers'} from ${count} samples, with at most ${megabytes(values)} of activations and ${megabytes(moments)} of statistics in memory …`,
      ),
  });
  if (result.layers.length === 0) return { graph: pair.student };
  const layers = result.layers.map((layer) => ({ ...layer }));
  return {
    graph: result.graph,
    facts: { samples: count, layers, left: result.left.map((one) => ({ ...one })) },
  };
}

/** Of so many bytes. */
export const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
