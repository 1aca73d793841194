/**
 * The selection that meets a target, within one step of a removal order.
 *
 * Along an order a network only gets smaller, so the first beginning of it that meets the target is found by bisection,
 * from where an estimate expects it. The last step may be large (eight channels of all blocks of a stage) and leave room
 * below the target: then the most important units that went before, and fit, are put back. Cost is always that of the network
 * really shrunk. A latency wavers, and a search ends where it happened to be low: one that meets the target must do so twice.
 */
import { fail } from '../../base/index.js';
import { summarize } from '../../graph/index.js';
import { type Graph, serializeModel } from '../../onnx/index.js';
import { shrinker } from '../cut/shrink.js';
import type { ChannelOptions, Channels, Cost, Measurable, Selection } from '../types.js';
import { estimateOf } from './estimate.js';
import { forecast } from './forecast.js';
import { wholeCost } from './hindrance.js';
import { type RemovalStep, selectionAfter } from './order.js';

/** At most so much: a fraction of what the whole network has, or MACs for one sample, parameters, bytes, milliseconds. */
export type CostTarget = { of: Measurable; fraction: number } | { of: Measurable; atMost: number };

export interface TargetOptions {
  /** The model. */
  graph: Graph;
  /** Its groups of channels, from {@link findChannels}. */
  channels: Channels;
  /** Steps in which units go, from {@link removalOrder}. */
  order: readonly RemovalStep[];
  /** What the model must reach. */
  target: CostTarget;
  /** How cost is measured; by default counted. A latency has no default: it must be measured. */
  cost?: Cost;
  /** Put back what there is room for after the last step; default true, but false for latency. */
  fill?: boolean;
}

export interface ReachedTarget {
  selection: Selection;
  /** The network without the units that go; the given one where none do. */
  graph: Graph;
  /** The steps of the order that were taken. */
  steps: readonly RemovalStep[];
  before: number;
  after: number;
  /** What the target came to, in its unit. */
  atMost: number;
}

/** How what can be counted is. Bytes are those of the raw file. */
export const costs = {
  macs:
    ({ inputShapes }) =>
    (graph) =>
      summarize(graph, { inputShapes }).macs,
  params:
    ({ inputShapes }) =>
    (graph) =>
      summarize(graph, { inputShapes }).params,
  bytes: () => (graph) => serializeModel(graph).length,
} satisfies Record<Exclude<Measurable, 'latency'>, (options: ChannelOptions) => Cost>;

/**
 * Removes channels in the given order until the model meets the target, and returns the selection that does so with its cost.
 * @throws UserError where the target makes no sense, or is out of reach: what can be reached is said.
 */
export async function reachTarget(options: TargetOptions): Promise<ReachedTarget> {
  const { graph, channels, order, target, cost, fill = target.of !== 'latency' } = options;
  const measure = cost ?? (target.of === 'latency' ? undefined : costs[target.of](channels.options ?? {}));
  if (!measure) throw new TypeError('a target of latency needs a cost that measures it');
  checkTarget(target);
  const before = await wholeCost(graph, { of: target.of, cost: measure, ...channels.options });
  const atMost = 'fraction' in target ? target.fraction * before : target.atMost;
  const shrunk = shrinker(graph, channels);
  const trial = async (steps: readonly RemovalStep[]): Promise<Trial> => {
    if (steps.length === 0) return { steps, graph, after: before };
    const smaller = shrunk(selectionAfter(channels, steps));
    const after = await measure(smaller);
    const again = target.of === 'latency' && after <= atMost;
    return { steps, graph: smaller, after: again ? Math.max(after, await measure(smaller)) : after };
  };
  const search = async (
    last: Trial,
    count: number,
    stepsAt: (at: number) => RemovalStep[],
    guess: number,
  ) => {
    let best = last;
    await firstThat(
      async (at) => {
        const made = await trial(stepsAt(at));
        if (made.after <= atMost) best = made;
        return made.after <= atMost;
      },
      count,
      guess,
    );
    return best;
  };

  const all = await trial(order);
  if (all.after > atMost) refuse(target, { atMost, before, least: all.after });
  const { macs, params } = estimateOf(graph, channels);
  const estimate = target.of === 'params' || target.of === 'bytes' ? params : macs;
  const { steps, spare } = forecast(channels, order, estimate, { before, least: all.after, atMost });
  let best = await search(all, order.length, (at) => order.slice(0, at), steps);
  if (fill) {
    const [taken, spared] = [best.steps, spare(best.steps)];
    const without = (at: number) => {
      const back = new Set(spared.slice(0, spared.length - at));
      return taken.filter((step) => !back.has(step));
    };
    best = await search(best, spared.length, without, 0);
  }
  return { ...best, selection: selectionAfter(channels, best.steps), before, atMost };
}

/** What was made of some steps. */
interface Trial {
  steps: readonly RemovalStep[];
  graph: Graph;
  after: number;
}

/** A quantity for people: `12.3 M MACs`, `1.20 ms`. */
export function quantity(of: Measurable, value: number): string {
  if (of === 'latency') return `${value.toPrecision(3)} ms`;
  const [divisor, prefix] =
    value >= 1e9 ? [1e9, 'G'] : value >= 1e6 ? [1e6, 'M'] : value >= 1e4 ? [1e3, 'k'] : [1, ''];
  const number = divisor === 1 ? String(Math.round(value)) : (value / divisor).toPrecision(4);
  return of === 'bytes'
    ? `${number} ${prefix}B`
    : `${number}${prefix && ` ${prefix}`} ${of === 'macs' ? 'MACs' : 'parameters'}`;
}

/** The first of 0 … last that meets a condition which all later meet too, the last for certain; looked for around a guess. */
export async function firstThat(
  meets: (at: number) => Promise<boolean>,
  last: number,
  guess: number,
): Promise<number> {
  let [low, high] = [-1, last];
  for (let at = guess, stride = 1; at > low && at < high; stride *= 2) {
    if (await meets(at)) high = at;
    else low = at;
    at = high === at ? at - stride : at + stride;
  }
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (await meets(middle)) high = middle;
    else low = middle;
  }
  return high;
}

function checkTarget(target: CostTarget): void {
  if ('fraction' in target && !(target.fraction > 0 && target.fraction <= 1))
    fail(
      `A target must be a fraction above 0 and at most 1 of what the network has (0.5 halves it), not ${target.fraction}.`,
    );
  if ('atMost' in target && !(target.atMost > 0 && Number.isFinite(target.atMost)))
    fail(`A target must be a number above 0, not ${target.atMost}.`);
}

function refuse(
  target: CostTarget,
  { atMost, before, least }: { atMost: number; before: number; least: number },
): never {
  const of = (value: number) => quantity(target.of, value);
  const share = Math.ceil((least / before) * 1e3) / 1e3;
  fail(
    `A target of ${of(atMost)} is out of reach: of ${of(before)}, removing everything that may go leaves ${of(least)}; ask for at least ${'fraction' in target ? share : of(least)}, or loosen the floors, the rounding and what is spared.`,
  );
}
