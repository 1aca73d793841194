/**
 * How accuracy falls when one group of channels is thinned out at a time: by dependency group, because layers that share
 * channels can only lose them together. Nothing is shrunk: units are masked.
 */
import type { Graph } from '../../onnx/index.js';
import { maskChannels } from '../cut/mask.js';
import type { Importance } from '../judge/importance.js';
import type { Channels } from '../types.js';
import type { Limits } from './order.js';
import { selectDensities } from './select.js';

export interface SensitivityOptions {
  /** Which units of a group go first, from {@link importanceOf}. */
  importance: Importance;
  /** Fractions of units to keep; default 0.1, 0.2, …, 0.9. */
  densities?: readonly number[];
  /** Accuracy, or anything else of which more is better, of the masked network. */
  evaluate: (graph: Graph) => number | Promise<number>;
  /** How many units every group must keep. */
  limits?: Limits;
  /** Called after each measurement, with the number done and of all. */
  onProgress?: (done: number, all: number) => void;
  /** Stops the work; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** One group at one density, all others whole. */
export interface SensitivityRow {
  group: string;
  units: number;
  kept: number;
  /** kept / units. */
  density: number;
  value: number;
}

export interface Sensitivity {
  /** The value of the whole network. */
  whole: number;
  /** By group, from dense to thin; a count of units once. */
  rows: SensitivityRow[];
}

/**
 * Thins one group at a time to each density, and measures how much worse the model gets.
 * @throws UserError where a density is no fraction, the signal's reason when it stops.
 */
export async function sensitivityOf(
  graph: Graph,
  channels: Channels,
  { importance, densities = tenths, evaluate, limits, onProgress, signal }: SensitivityOptions,
): Promise<Sensitivity> {
  const cuts = channels.groups.flatMap(({ name: group, size: units }) => {
    const counts = new Set<number>();
    return [...densities]
      .sort((a, b) => b - a)
      .flatMap((density) => {
        const selection = selectDensities(channels, importance, new Map([[group, density]]), limits);
        const kept = selection.get(group)?.filter((is) => is).length ?? units;
        if (kept === units || counts.has(kept)) return [];
        counts.add(kept);
        return [{ group, units, kept, selection }];
      });
  });
  const whole = await evaluate(graph);
  const rows: SensitivityRow[] = [];
  for (const { selection, ...cut } of cuts) {
    signal?.throwIfAborted();
    const value = await evaluate(maskChannels(graph, channels, selection));
    rows.push({ ...cut, density: cut.kept / cut.units, value });
    onProgress?.(rows.length, cuts.length);
  }
  return { whole, rows };
}

const tenths = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1];
