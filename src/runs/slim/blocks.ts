/**
 * In blocks of how many channels slim cuts. Runtimes compute in blocks of 8 or 16 channels, so a network of narrow layers that is cut finer
 * may have half of the MACs and be no faster; but the coarser the blocks, the less can be chosen. So the cut is made in each, by the weights alone, and timed.
 */
import { UserError } from '../../base/index.js';
import {
  type Channels,
  type Cost,
  chooseUnits,
  findChannels,
  type MethodSettings,
  onnxruntimeRounding,
  shrink,
  untied,
  usual,
} from '../../channels/index.js';
import type { Machine } from '../../engine/index.js';
import type { Graph } from '../../onnx/index.js';
import { structuredMethod } from '../registry.js';
import { costingOf, goalOf } from '../structured/goal.js';
import { latencyIn } from '../structured/latency.js';
import type { Choice, Known } from '../suit/rules.js';

/** Blocks that are twice as large must take at most so much of the time. */
const WORTH = 0.9;

/** The method of the cuts that are timed, which needs no data; how many channels go is much the same by any. */
const BY_WEIGHTS = 'l1-filters';

/** What a network takes that was cut in blocks of `size` channels, in milliseconds. */
export interface Timed {
  size: number;
  milliseconds: number;
}

export interface BlockOptions {
  known: Known;
  graph: Graph;
  inputShapes: Record<string, number[]>;
  /** Blocks that the rules choose, the finest to be tried. */
  finest: number;
  machine: Machine;
  /** How long a network takes. Default: in onnxruntime. */
  time?: Cost;
  signal?: AbortSignal;
}

/** The blocks to cut in; undefined where there is nothing to choose, or onnxruntime cannot say how long the networks take. */
export async function blocksFor(options: BlockOptions): Promise<Choice | undefined> {
  const { graph, inputShapes, machine, signal, finest } = options;
  const sizes = doublings(finest);
  if (sizes.length < 2) return undefined;
  const time = options.time ?? latencyIn(machine, inputShapes, signal);
  try {
    const whole = await time(graph);
    const timed: Timed[] = [];
    for (const size of sizes) {
      const smaller = await cutIn(size, options);
      if (smaller) timed.push({ size, milliseconds: await time(smaller) });
    }
    return timed.length > 1 ? { value: worthwhile(timed), because: reasonOf(timed, whole) } : undefined;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

const doublings = (finest: number): number[] => {
  const sizes = [];
  for (let size = finest; size <= onnxruntimeRounding; size *= 2) sizes.push(size);
  return sizes;
};

/** The coarsest blocks each of whose doublings saves a tenth of the time, from the finest up. */
export function worthwhile(timed: readonly Timed[]): number {
  let best = timed[0];
  for (const next of timed.slice(1)) if (next.milliseconds <= WORTH * best.milliseconds) best = next;
  return best.size;
}

const reasonOf = (timed: readonly Timed[], whole: number): string =>
  `onnxruntime takes ${timed.map(({ size, milliseconds }) => `${short(milliseconds)} ms in blocks of ${size}`).join(', ')}, and ${short(whole)} ms before the cut`;

const short = (milliseconds: number): string => String(Number(milliseconds.toPrecision(2)));

/** The network after a cut by its weights alone; undefined where the target is out of reach in such blocks. */
async function cutIn(
  roundTo: number,
  { known, graph: given, inputShapes, machine, signal }: BlockOptions,
): Promise<Graph | undefined> {
  const { graph } = untied(given);
  const channels: Channels = findChannels(graph, { inputShapes });
  const costing = costingOf(known, { machine, inputShapes, folded: false, signal });
  if (!costing) return undefined;
  const settings: MethodSettings = { ...usual, ...structuredMethod(BY_WEIGHTS)!.defaults };
  try {
    const { selection } = await chooseUnits({
      ...{ graph, channels, settings, limits: { roundTo }, cost: costing.cost, signal },
      goal: await goalOf(costing, { graph, channels }, 1),
      evaluate: unasked,
      distance: unasked,
    });
    return shrink(graph, channels, selection);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** Weights alone choose, so no network is measured. */
const unasked = (): Promise<number> =>
  Promise.reject(new Error('No network is measured for a cut by weights.'));
