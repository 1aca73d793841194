/** Which units go, by the settings of a method: its importance, its way to share out what goes, its rule. */
import type { Graph } from '../../onnx/index.js';
import { type Importance, importanceOf, importances, judge } from '../judge/importance.js';
import { importanceIn, type MethodSettings } from '../method.js';
import { type Channels, type Cost, type Selection, unitsOf } from '../types.js';
import { sensitivityOrder } from './allocation.js';
import { type Counts, estimateOf, pricesOf } from './estimate.js';
import { type Goal, reachGoal } from './goal.js';
import { knapsackOrder } from './knapsack.js';
import { countsAfter, type Limits, type RemovalStep, removalOrder } from './order.js';
import { searchNetworks } from './search.js';
import { selectAbove, selectMarked } from './select.js';
import { type Sensitivity, sensitivityOf } from './sensitivity.js';
import { costs } from './target.js';
import { keepEnergy } from './threshold.js';
import { selectByVote, thresholdsByVote } from './vote.js';

export interface ChooseOptions {
  graph: Graph;
  channels: Channels;
  settings: MethodSettings;
  limits: Limits;
  /** Absent: the settings' rule decides. */
  goal?: Goal;
  /** How a target's cost is measured, see {@link reachTarget}. */
  cost?: Cost;
  /** For the importances by Taylor expansion, see `addSaliency`. */
  saliency?: () => Promise<ReadonlyMap<string, ArrayLike<number>>>;
  /** For the importance by reconstruction, see `measureElimination`. */
  elimination?: () => Promise<Importance>;
  /** How good a network is, more is better, on images that are not for testing; `adapt`: BatchNorm's statistics first. */
  evaluate: (graph: Graph, adapt: boolean) => Promise<number>;
  /** How far a network's outputs are from those of the whole one, squared and relative to their variance, on such images; for a knapsack. */
  distance: (graph: Graph) => Promise<number>;
  /** Networks that a search measures. */
  candidates?: number;
  seed?: number;
  /** Told with a share of the work that is done. */
  onProgress?: (done: number, all: number) => void;
  signal?: AbortSignal;
}

export interface Chosen {
  selection: Selection;
  importance: Importance;
  /** What was measured for it, where it was. */
  sensitivity?: Sensitivity;
}

/** @throws UserError where no unit can be judged, or the goal is out of reach: what can be met is said. */
export async function chooseUnits(options: ChooseOptions): Promise<Chosen> {
  const { graph, channels, settings, limits, goal, cost, seed } = options;
  const how = { ...importanceIn(settings), seed };
  const saliency = how.criterion === 'taylor' ? await options.saliency?.() : undefined;
  const measured = how.criterion === 'reconstruction' ? await options.elimination?.() : undefined;
  const judged = { ...how, saliency, measured };
  const raw =
    settings.vote && goal ? votedImportance(options, judged) : importanceOf(graph, channels, judged);
  const importance = settings.sparse === 'soft' ? zerosFirst(graph, channels, raw) : raw;
  if (!goal) return { importance, selection: byRule(options, importance, judged) };
  if (settings.allocate === 'search')
    return { importance, selection: await bySearch(options, goal, importance) };
  if (settings.allocate === 'knapsack') {
    const order = await byKnapsack(options, goal, importance);
    return { importance, selection: await reachGoal(order, { graph, channels, goal, cost }) };
  }
  const sensitivity = settings.allocate === 'sensitivity' ? await scan(options, importance) : undefined;
  const order = sensitivity
    ? sensitivityOrder(channels, importance, sensitivity, {
        ...limits,
        prices: pricesFor(goal, graph, channels),
      })
    : removalOrder(channels, importance, {
        ...limits,
        scope: scopeOf(settings),
        // What an error is worth beside the others is known only of what is measured.
        prices: measured && pricesFor(goal, graph, channels),
      });
  return { importance, selection: await reachGoal(order, { graph, channels, goal, cost }), sensitivity };
}

/** Of every unit the least threshold at which it would go by a vote. */
const votedImportance = (
  { graph, channels }: ChooseOptions,
  judged: Parameters<typeof judge>[2],
): Importance =>
  new Map(
    [...judge(graph, channels, judged)].map(([name, judgements]) => [
      name,
      thresholdsByVote(judgements.map(({ values }) => values)),
    ]),
  );

/** What a unit of each group saves of what a goal is about. */
const pricesFor = (goal: Goal, graph: Graph, channels: Channels): Map<string, number> | undefined =>
  goal.of === 'channels' ? undefined : pricesOf(graph, channels, counted(goal));

/** What is counted where networks are not made: bytes are mostly parameters, and time goes with MACs. */
const counted = ({ of }: Goal): 'params' | 'macs' => (of === 'params' || of === 'bytes' ? 'params' : 'macs');

const scopeOf = ({ allocate }: MethodSettings) => (allocate === 'uniform' ? 'group' : 'global');

/**
 * Whether a goal can be met at all, told before any training.
 * @throws UserError where it cannot: what can be met is said.
 */
export async function checkGoal(
  options: Pick<ChooseOptions, 'graph' | 'channels' | 'settings' | 'limits' | 'cost'> & { goal: Goal },
): Promise<void> {
  const { graph, channels, settings, limits, goal, cost } = options;
  const { parts } = importances[settings.importance] as { parts?: ('producers' | 'consumers' | 'scales')[] };
  const order = removalOrder(channels, importanceOf(graph, channels, { criterion: 'l1', parts }), limits);
  await reachGoal(order, { graph, channels, goal, cost, fill: false });
}

/** What goes without a goal. */
function byRule(
  { graph, channels, settings, limits }: ChooseOptions,
  importance: Importance,
  judged: Parameters<typeof judge>[2],
): Selection {
  const { rule, threshold = 0.01, vote } = settings;
  const keep =
    rule === 'energy'
      ? (values: Float64Array) => keepEnergy(values)
      : (values: Float64Array) => Array.from(values, (x) => x > threshold);
  if (vote) return selectByVote(channels, judge(graph, channels, judged), keep, limits);
  if (rule === 'threshold') return selectAbove(channels, importance, threshold, limits);
  const marks = new Map([...importance].map(([name, scores]) => [name, keep(scores)] as const));
  return selectMarked(channels, importance, marks, limits);
}

async function bySearch(options: ChooseOptions, goal: Goal, importance: Importance): Promise<Selection> {
  const { graph, channels, cost, limits, evaluate, candidates, seed, signal, onProgress } = options;
  const { best } = await searchNetworks(graph, channels, {
    ...{ importance, goal, cost, limits, candidates, seed, signal, onProgress },
    // The paper's 0.7 suits half of the MACs; less asks for more.
    largest: Math.max(0.7, 1 - (await fractionOf(goal, options)) / 2),
    evaluate: (smaller) => evaluate(smaller, true),
  });
  return best.selection;
}

/** Densities at which a group is measured for a knapsack. */
const KNAPSACK_DENSITIES = [0.85, 0.7, 0.55, 0.4, 0.25, 0.1];

async function byKnapsack(
  options: ChooseOptions,
  goal: Goal,
  importance: Importance,
): Promise<RemovalStep[]> {
  const { graph, channels, limits, distance, signal, onProgress } = options;
  const sensitivity = await sensitivityOf(graph, channels, {
    ...{ importance, limits, signal, onProgress, densities: KNAPSACK_DENSITIES },
    evaluate: async (masked) => -(await distance(masked)),
  });
  const prices = pricesFor(goal, graph, channels);
  const order = sensitivityOrder(channels, importance, sensitivity, { ...limits, prices });
  const cost =
    goal.of === 'channels'
      ? (counts: Counts) => unitsOf(channels) - goneIn(channels, counts)
      : estimateOf(graph, channels)[counted(goal)];
  const atMost = (await fractionOf(goal, options)) * cost(new Map());
  return knapsackOrder(channels, order, sensitivity, { prices, cost, atMost });
}

const goneIn = ({ groups }: Channels, counts: Counts): number =>
  groups.reduce((sum, { name, size }) => sum + size - (counts.get(name) ?? size), 0);

/** Which fraction of the network a goal leaves. */
async function fractionOf(goal: Goal, { graph, channels, cost }: ChooseOptions): Promise<number> {
  if ('fraction' in goal) return goal.fraction;
  if (goal.of === 'channels') return goal.atMost / unitsOf(channels);
  const measure = cost ?? (goal.of === 'latency' ? undefined : costs[goal.of](channels.options ?? {}));
  return measure ? goal.atMost / (await measure(graph)) : 1;
}

/** Densities at which a group is measured. */
const DENSITIES = [0.75, 0.5, 0.25, 0.1];

const scan = (
  { graph, channels, evaluate, limits, signal, onProgress }: ChooseOptions,
  importance: Importance,
): Promise<Sensitivity> =>
  sensitivityOf(graph, channels, {
    ...{ importance, limits, signal, onProgress, densities: DENSITIES },
    evaluate: (masked) => evaluate(masked, false),
  });

/** Units whose filters are 0 already are the first to go. */
function zerosFirst(graph: Graph, channels: Channels, importance: Importance): Importance {
  const filters = judge(graph, channels, { criterion: 'l1', parts: ['producers'] });
  return new Map(
    [...importance].map(([name, scores]) => [
      name,
      scores.map((score, unit) =>
        filters.get(name)?.every(({ values }) => values[unit] === 0) ? -Infinity : score,
      ),
    ]),
  );
}

/** How many units a selection keeps of each group. */
export const countsOf = (channels: Channels, selection: Selection): Map<string, number> =>
  new Map(
    [...countsAfter(channels, [])].map(([name, size]) => [
      name,
      selection.get(name)?.filter((kept) => kept).length ?? size,
    ]),
  );
