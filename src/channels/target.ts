/**
 * The selection that meets a target, within one step of a removal order.
 *
 * Along an order a network only gets smaller, so the first beginning of it that meets the target is found by bisection,
 * from where an estimate expects it. It never takes one step more than needed, and its cost is that of the network really
 * shrunk.
 */
import { fail } from '../base/errors.js';
import { summarize } from '../graph/facts/summary.js';
import type { Graph } from '../onnx/model.js';
import { serializeModel } from '../onnx/serialize.js';
import { estimateOf } from './estimate.js';
import { countsAfter, type Step, selectionAfter } from './order.js';
import { shrink } from './shrink.js';
import type { ChannelOptions, Channels, Selection } from './types.js';

export type Measurable = 'macs' | 'params' | 'bytes' | 'latency';

/** At most so much: a fraction of what the whole network has, or MACs for one sample, parameters, bytes, milliseconds. */
export type Target = { of: Measurable; fraction: number } | { of: Measurable; atMost: number };

/** What a network costs, in the target's unit. */
export type Cost = (graph: Graph) => number | Promise<number>;

export interface TargetOptions {
  graph: Graph;
  channels: Channels;
  order: readonly Step[];
  target: Target;
  /** How cost is measured; by default counted. A latency has no default: it must be measured. */
  cost?: Cost;
}

export interface Reached {
  selection: Selection;
  /** The network that was measured last, really smaller. */
  graph: Graph;
  /** How many steps of the order were taken. */
  steps: number;
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

/** @throws UserError where the target makes no sense, or is out of reach: what can be reached is said. */
export async function reachTarget(options: TargetOptions): Promise<Reached> {
  const { graph, channels, order, target, cost } = options;
  const { of } = target;
  const measure = cost ?? (of === 'latency' ? undefined : costs[of](channels.options ?? {}));
  if (!measure) throw new TypeError('a target of latency needs a cost that measures it');
  checkTarget(target);
  const before = await measure(graph);
  const atMost = 'fraction' in target ? target.fraction * before : target.atMost;
  const known = new Map<number, number>([[0, before]]);
  let best = graph;
  const meets = async (steps: number): Promise<boolean> => {
    const done = known.get(steps);
    if (done !== undefined) return done <= atMost;
    const smaller = shrink(graph, channels, selectionAfter(channels, order, steps));
    const after = await measure(smaller);
    known.set(steps, after);
    if (after <= atMost) best = smaller;
    return after <= atMost;
  };
  const possible = await meets(order.length);
  const least = known.get(order.length)!;
  if (!possible) refuse(target, { atMost, before, least });
  const steps = await firstThat(meets, order.length, expected(options, { before, least, atMost }));
  if (steps === 0) best = graph;
  const selection = selectionAfter(channels, order, steps);
  return { selection, graph: best, steps, before, after: known.get(steps)!, atMost };
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

/**
 * Where in an order a target should be met. Bytes go with parameters, time goes with MACs, both on a straight line through
 * what was measured: before the first step, and after the last.
 */
function expected(
  { graph, channels, order, target: { of } }: TargetOptions,
  { before, least, atMost }: Record<'before' | 'least' | 'atMost', number>,
): number {
  const estimate = estimateOf(graph, channels)[of === 'params' || of === 'bytes' ? 'params' : 'macs'];
  const after = (steps: number) => estimate(countsAfter(channels, order, steps));
  const [whole, end] = [after(0), after(order.length)];
  const wanted = whole - ((whole - end) * (before - atMost)) / (before - least || 1);
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (after(middle) <= wanted + 1e-9 * whole) high = middle;
    else low = middle + 1;
  }
  return high;
}

function checkTarget(target: Target): void {
  if ('fraction' in target && !(target.fraction > 0 && target.fraction <= 1))
    fail(
      `A target must be a fraction above 0 and at most 1 of what the network has (0.5 halves it), not ${target.fraction}.`,
    );
  if ('atMost' in target && !(target.atMost > 0 && Number.isFinite(target.atMost)))
    fail(`A target must be a number above 0, not ${target.atMost}.`);
}

function refuse(
  target: Target,
  { atMost, before, least }: { atMost: number; before: number; least: number },
): never {
  const of = (value: number) => quantity(target.of, value);
  const share = Math.ceil((least / before) * 1e3) / 1e3;
  fail(
    `A target of ${of(atMost)} is out of reach: of ${of(before)}, everything that may go leaves ${of(least)}; ask for at least ${'fraction' in target ? share : of(least)}, or loosen the floors and what is spared.`,
  );
}
