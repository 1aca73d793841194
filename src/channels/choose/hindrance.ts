/** What stands in the way of a goal before any unit is chosen: nothing that may go, or nothing that could be counted. */
import { fail } from '../../base/index.js';
import { describe, findOperator, summarize } from '../../graph/index.js';
import { type Graph, sizeOf } from '../../onnx/index.js';
import type { ChannelOptions, Channels, Cost, Measurable } from '../types.js';

/** @throws UserError where no channel of a network can be removed: why its largest weight stays is said. */
export function refuseRigid({ nodes, initializers }: Graph, { groups, frozen }: Channels): void {
  if (groups.length > 0) return;
  const shapeOf = (tensor: string) => initializers.get(tensor)?.shape ?? [];
  const [largest] = frozen
    .filter(({ tensor, axis }) => shapeOf(tensor)[axis] !== 1)
    .toSorted((a, b) => sizeOf(shapeOf(b.tensor)) - sizeOf(shapeOf(a.tensor)));
  const whole = nodes.find((node) => findOperator(node)?.stored);
  const none = whole
    ? `${describe(whole)} computes in whole numbers, and no other layer has weights`
    : 'it has no weights';
  if (!largest && !whole)
    fail(
      'No channels of this model can be removed: it has no weights that espalier knows of; use another model.',
    );
  const why = largest ? `of its largest weight ${largest.tensor}, ${largest.reason}` : none;
  fail(
    `No channels of this model can be removed: ${why}; espalier inspect lists what stays, and --method magnitude prunes single weights.`,
  );
}

/**
 * What a whole network costs.
 * @throws UserError where that is nothing, so that nothing can become less: what could not be counted is said.
 */
export async function wholeCost(
  graph: Graph,
  { of, cost, inputShapes }: { of: Measurable; cost: Cost } & ChannelOptions,
): Promise<number> {
  const whole = await cost(graph);
  if (whole > 0) return whole;
  const { unknown, uncounted } = summarize(graph, { inputShapes });
  const operators = unknown.map(({ op, count }) => `${op} (${count})`).join(', ');
  const why = operators
    ? `espalier does not know the operators of ${operators}`
    : uncounted.length > 0
      ? `the shapes of ${uncounted[0]} are only known when the model runs`
      : 'none of its operators multiplies by weights';
  const what = of === 'macs' ? 'MACs' : 'parameters';
  return fail(
    `No ${what} can be counted in this model, since ${why}; use another target, such as --channels or --bytes.`,
  );
}
