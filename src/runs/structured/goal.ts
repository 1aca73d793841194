/** What a run aims at, and how near to it a round should come. */
import {
  type ChannelOptions,
  type Channels,
  type Cost,
  costs,
  type Goal,
  refuseRigid,
  unitsOf,
  wholeCost,
} from '../../channels/index.js';
import type { Machine } from '../../engine/index.js';
import { foldBatchNorm } from '../../graph/index.js';
import type { Graph } from '../../onnx/index.js';
import { type Given, type GivenTarget, targetOf } from './defaults.js';
import { latencyIn } from './latency.js';

export interface Costing {
  target: GivenTarget;
  /** Absent for channels, which are counted. */
  cost?: Cost;
  /** What a fraction is of, where that is more than what channels are taken out of. */
  whole?: Graph;
}

interface CostingOptions {
  machine: Machine;
  inputShapes: Record<string, number[]>;
  /** The network has BatchNorm that it will be exported without. */
  folded: boolean;
  signal?: AbortSignal;
}

/** A recipe's target, and how it is measured; undefined where it has none. */
export function costingOf(
  recipe: object,
  { machine, inputShapes, folded, signal }: CostingOptions,
): Costing | undefined {
  const target = targetOf(recipe as Given);
  if (!target || target.of === 'channels') return target && { target };
  const options: ChannelOptions = { inputShapes };
  const plain = target.of === 'latency' ? latencyIn(machine, inputShapes, signal) : costs[target.of](options);
  return { target, cost: folded ? (graph) => plain(foldBatchNorm(graph, options)) : plain };
}

/** The goal of a round that should go so far on the straight way to the target, 1 all of it. */
export async function goalOf(
  { target, cost, whole }: Costing,
  { graph, channels }: { graph: Graph; channels: Channels },
  part: number,
): Promise<Goal> {
  refuseRigid(graph, channels);
  if (target.of === 'channels') {
    const units = unitsOf(channels);
    return { of: 'channels', atMost: units * (1 - (1 - target.fraction) * part) + 1e-6 };
  }
  if (part === 1 && 'atMost' in target) return target;
  const before = await wholeCost(whole ?? graph, { of: target.of, cost: cost!, ...channels.options });
  const atMost = 'atMost' in target ? target.atMost : target.fraction * before;
  return { of: target.of, atMost: before - (before - atMost) * part };
}
