/** What pruning is to reach: a target's cost, or so many units; and the beginning of a removal order that reaches it. */
import { fail } from '../../base/index.js';
import type { Graph } from '../../onnx/index.js';
import { type Channels, type Cost, type Selection, unitsOf } from '../types.js';
import { refuseRigid } from './hindrance.js';
import { type RemovalStep, selectionAfter } from './order.js';
import { type CostTarget, reachTarget } from './target.js';

/** As for a cost; or so many units, of all groups together. */
export type Goal = CostTarget | { of: 'channels'; atMost: number };

export interface GoalOptions {
  graph: Graph;
  channels: Channels;
  goal: Goal;
  /** How a target's cost is measured, see {@link reachTarget}. */
  cost?: Cost;
  /** See {@link reachTarget}. */
  fill?: boolean;
}

/** The units that stay when a goal is met along an order. @throws UserError where it is out of reach: what can be met is said. */
export async function reachGoal(
  order: readonly RemovalStep[],
  { goal, ...options }: GoalOptions,
): Promise<Selection> {
  const { channels } = options;
  refuseRigid(options.graph, channels);
  return goal.of === 'channels'
    ? selectionAfter(channels, order, stepsToUnits(channels, order, goal.atMost))
    : (await reachTarget({ ...options, order, target: goal })).selection;
}

/** How many steps leave at most so many units. */
function stepsToUnits(channels: Channels, order: readonly RemovalStep[], atMost: number): number {
  const all = unitsOf(channels);
  let left = all;
  let steps = 0;
  while (left > atMost && steps < order.length) left -= order[steps++].units.length;
  if (left > atMost)
    fail(
      `${Math.floor(atMost)} of ${all} channels are out of reach: removing everything that may go leaves ${left}; ask for at least ${Math.ceil((left / all) * 1e3) / 1e3}, or loosen the floors, the rounding and what is spared.`,
    );
  return steps;
}
