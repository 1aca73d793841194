/** Which units go, by the settings of a method: its importance, its way to share out what goes, its rule. */
import { fail } from '../base/errors.js';
import type { Graph } from '../onnx/model.js';
import { sensitivityOrder } from './allocation.js';
import { pricesOf } from './estimate.js';
import { type Importance, importanceOf, importances, judge } from './importance.js';
import type { MethodSettings } from './method-types.js';
import { countsAfter, type Limits, removalOrder, type Step, selectionAfter } from './order.js';
import { searchDensities } from './search.js';
import { selectAbove, selectMarked } from './select.js';
import { type Sensitivity, sensitivityOf } from './sensitivity.js';
import { type Cost, costs, reachTarget, type Target } from './target.js';
import { keepEnergy } from './threshold.js';
import type { Channels, Selection } from './types.js';
import { selectByVote } from './vote.js';

/** As for a cost; or so many units, of all groups together. */
export type Goal = Target | { of: 'channels'; atMost: number };

export interface ChooseOptions {
  graph: Graph;
  channels: Channels;
  settings: MethodSettings;
  limits: Limits;
  /** Absent: the settings' rule decides. */
  goal?: Goal;
  /** How a target's cost is measured, see {@link reachTarget}. */
  cost?: Cost;
  /** For the importances by Taylor expansion, see {@link addSaliency}. */
  saliency?: () => Promise<ReadonlyMap<string, ArrayLike<number>>>;
  /** How good a network is, more is better, on images that are not for testing; `adapt`: BatchNorm's statistics first. */
  evaluate: (graph: Graph, adapt: boolean) => Promise<number>;
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
  const { graph, channels, settings, limits, goal, seed } = options;
  const how = { ...importances[settings.importance], seed };
  const saliency = how.criterion === 'taylor' ? await options.saliency?.() : undefined;
  const judged = { ...how, saliency };
  const raw = importanceOf(graph, channels, judged);
  const importance = settings.sparse === 'soft' ? zerosFirst(graph, channels, raw) : raw;
  if (!goal) return { importance, selection: byRule(options, importance, judged) };
  if (settings.allocate === 'search')
    return { importance, selection: await bySearch(options, goal, importance) };
  const sensitivity = settings.allocate === 'sensitivity' ? await scan(options, importance) : undefined;
  const order = sensitivity
    ? sensitivityOrder(channels, importance, sensitivity, {
        ...limits,
        prices: pricesFor(goal, graph, channels),
      })
    : removalOrder(channels, importance, { ...limits, scope: scopeOf(settings) });
  const selection =
    goal.of === 'channels'
      ? selectionAfter(channels, order, stepsToUnits(channels, order, goal.atMost))
      : (await reachTarget({ graph, channels, order, target: goal, cost: options.cost })).selection;
  return { importance, selection, sensitivity };
}

/** What a unit of each group saves of what a goal is about. */
function pricesFor({ of }: Goal, graph: Graph, channels: Channels): Map<string, number> | undefined {
  if (of === 'channels') return undefined;
  return pricesOf(graph, channels, of === 'params' || of === 'bytes' ? 'params' : 'macs');
}

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
  if (goal.of === 'channels') stepsToUnits(channels, order, goal.atMost);
  else await reachTarget({ graph, channels, order, target: goal, cost, fill: false });
}

/** How many steps leave at most so many units. */
function stepsToUnits(channels: Channels, order: readonly Step[], atMost: number): number {
  let left = channels.groups.reduce((sum, { size }) => sum + size, 0);
  const all = left;
  let steps = 0;
  while (left > atMost && steps < order.length) left -= order[steps++].units.length;
  if (left > atMost)
    fail(
      `${Math.floor(atMost)} of ${all} channels are out of reach: everything that may go leaves ${left}; ask for at least ${Math.ceil((left / all) * 1e3) / 1e3}, or loosen the floors, the rounding and what is spared.`,
    );
  return steps;
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
  const { graph, channels, limits, evaluate, candidates, seed, signal, onProgress } = options;
  if (goal.of !== 'macs')
    return fail('The search draws networks of so many MACs: give its target as --macs, such as --macs 0.5.');
  const whole = await costs.macs(channels.options ?? {})(graph);
  const macs = 'fraction' in goal ? goal.fraction : goal.atMost / whole;
  const { maxSparsity, ...rest } = limits;
  const { best } = await searchDensities(graph, channels, {
    ...{ importance, macs, candidates, seed, signal, onProgress, limits: rest },
    // What may go of a group and what must go of all fix the range together; the paper's 0.7 suits half of the MACs.
    maxSparsity:
      typeof maxSparsity === 'number' && maxSparsity < 1 ? maxSparsity : Math.max(0.7, 1 - macs / 2),
    evaluate: (smaller) => evaluate(smaller, true),
  });
  return best.selection;
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
