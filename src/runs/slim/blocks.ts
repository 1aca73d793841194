/**
 * In blocks of how many channels slim cuts. Runtimes compute in blocks of 8 or 16 channels, so a network of narrow layers that is cut finer
 * may have half of the MACs and be no faster; but the coarser the blocks, the less can be chosen. The rules give the narrowest layers four
 * blocks. Two are tried beside that, by a cut that looks at weights alone and is timed; one would leave nothing to choose in a layer.
 */
import { UserError } from '../../base/index.js';
import {
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

/** Of the time of the finer blocks, what coarser ones may take at most: they cost accuracy. */
const WORTH = 0.9;

/** The method of the cuts that are timed, which needs no data; how many channels go is much the same by any. */
const BY_WEIGHTS = 'l1-filters';

/** What a network takes that was cut in blocks of `size` channels, in milliseconds. */
interface Timed {
  size: number;
  milliseconds: number;
}

export interface BlockOptions {
  known: Known;
  graph: Graph;
  inputShapes: Record<string, number[]>;
  /** Blocks that the rules choose; those twice as large are tried beside them. */
  finest: number;
  machine: Machine;
  /** How long a network takes. Default: in onnxruntime. */
  time?: Cost;
  signal?: AbortSignal;
}

/** The blocks to cut in; undefined where there is nothing to choose, or onnxruntime cannot say how long the networks take. */
export async function blocksFor(options: BlockOptions): Promise<Choice | undefined> {
  const { graph, inputShapes, machine, signal, finest } = options;
  if (2 * finest > onnxruntimeRounding) return undefined;
  const time = options.time ?? latencyIn(machine, inputShapes, signal);
  try {
    const cut = cutterFor(options);
    if (!cut) return undefined;
    const whole = await time(graph);
    const timed: Timed[] = [];
    for (const size of [finest, 2 * finest]) {
      const smaller = await cut(size);
      if (smaller) timed.push({ size, milliseconds: await time(smaller) });
    }
    const [fine, coarse] = timed;
    if (!coarse) return undefined;
    const best = coarse.milliseconds <= WORTH * fine.milliseconds ? coarse : fine;
    return { value: best.size, because: reasonOf(timed, whole) };
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

const reasonOf = (timed: readonly Timed[], whole: number): string =>
  `onnxruntime takes ${timed.map(({ size, milliseconds }) => `${short(milliseconds)} ms in blocks of ${size}`).join(', ')}, and ${short(whole)} ms before the cut`;

const short = (milliseconds: number): string => String(Number(milliseconds.toPrecision(2)));

/**
 * Cuts the network by its weights alone, in blocks of so many channels; undefined where no channels go. What it gives is undefined where the
 * target is out of reach in such blocks.
 */
function cutterFor({
  known,
  graph: given,
  inputShapes,
  machine,
  signal,
}: BlockOptions): ((roundTo: number) => Promise<Graph | undefined>) | undefined {
  const { graph } = untied(given);
  const costing = costingOf(known, { machine, inputShapes, folded: false, signal });
  if (!costing) return undefined;
  const channels = findChannels(graph, { inputShapes });
  const settings: MethodSettings = { ...usual, ...structuredMethod(BY_WEIGHTS)!.defaults };
  return async (roundTo) => {
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
  };
}

/** Weights alone choose, so no network is measured. */
const unasked = (): Promise<number> =>
  Promise.reject(new Error('No network is measured for a cut by weights.'));
