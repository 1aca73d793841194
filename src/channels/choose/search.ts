/**
 * EagleEye: search instead of reasoning (Li et al.: "EagleEye: fast sub-network evaluation for efficient neural network
 * pruning", 2020). Networks are drawn at random, a rate of removal r for each group; each is measured, with
 * BatchNormalization's statistics adapted to it, and the best is kept.
 *
 * The paper draws until a network comes near the target. With many groups the cost of draws hardly varies and seldom does, so
 * here every draw is bent to meet the target: its rates m · r become m · r^t, with m the largest (0.7 in the paper) and with
 * the t that meets the target; their order among groups stays as it was drawn. A group has lost a fraction g of its units
 * from t = ln(g / m) / ln r downwards, so −t is a removal order, and the target is met along that as along any other, within
 * a step. Beyond m all groups go on alike.
 */
import { random, type Setting, uniform, whole } from '../../base/index.js';
import type { Graph } from '../../onnx/index.js';
import { shrinker } from '../cut/shrink.js';
import type { Importance } from '../judge/importance.js';
import type { Channels, Selection } from '../types.js';
import { type GoalOptions, reachGoal } from './goal.js';
import { type Limits, type RemovalStep, removalOrder } from './order.js';

/** How many networks a search tries out. */
export const searchSettings = {
  candidates: whole('number of networks that a search measures (default: 100)', 1),
} satisfies Partial<Record<keyof SearchOptions, Setting>>;

export interface SearchOptions extends Omit<GoalOptions, 'graph' | 'channels'> {
  /** Ranks the units within each group. */
  importance: Importance;
  /** How good the shrunk network is (more is better), its BatchNormalization adapted before. */
  evaluate: (graph: Graph, selection: Selection) => number | Promise<number>;
  /** Networks to draw; default 100. Those that come out alike are measured once. */
  candidates?: number;
  /** Fraction of a group up to which its rate is drawn; default 0.7. */
  largest?: number;
  seed?: number;
  limits?: Limits;
  onProgress?: (done: number, candidates: number) => void;
  signal?: AbortSignal;
}

/** A network that was measured. */
export interface Candidate {
  selection: Selection;
  value: number;
}

/** The best candidate, and all in the order in which they were drawn. */
export interface Found {
  best: Candidate;
  candidates: Candidate[];
}

/** @throws UserError where the goal is out of reach: what can be met is said. */
export async function searchNetworks(
  graph: Graph,
  channels: Channels,
  options: SearchOptions,
): Promise<Found> {
  const { importance, evaluate, goal, cost, candidates: wanted = 100, signal, onProgress } = options;
  const shrunk = shrinker(graph, channels);
  const candidates = new Map<string, Candidate>();
  for (let drawn = 0; drawn < wanted; drawn++) {
    signal?.throwIfAborted();
    const order = drawOrder(channels, importance, { ...options, draw: drawn });
    const selection = await reachGoal(order, { graph, channels, goal, cost });
    const name = JSON.stringify(
      [...selection].map(([group, kept]) => [group, kept.map(Number).join('')]).sort(),
    );
    if (!candidates.has(name))
      candidates.set(name, { selection, value: await evaluate(shrunk(selection), selection) });
    onProgress?.(drawn + 1, wanted);
  }
  const all = [...candidates.values()];
  return { best: all.reduce((best, next) => (next.value > best.value ? next : best)), candidates: all };
}

/** The order in which units go as the exponent of a draw's rates falls. */
function drawOrder(
  channels: Channels,
  importance: Importance,
  {
    seed = 0,
    draw,
    largest = 0.7,
    limits,
  }: Pick<SearchOptions, 'seed' | 'largest' | 'limits'> & { draw: number },
): RemovalStep[] {
  const stream = random(seed, 'eagleeye', draw);
  const rates = new Map(channels.groups.map(({ name, size }) => [name, { size, rate: uniform(stream) }]));
  return removalOrder(channels, importance, {
    ...limits,
    loss: (group, from, to) => {
      const { size, rate } = rates.get(group)!;
      const time = to < largest ? -Math.log(to / largest) / Math.log(rate) : to - largest;
      return time * (to - from) * size;
    },
  });
}
