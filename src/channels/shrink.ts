/**
 * Surgery: the graph without the removed units.
 *
 * From the classes that go follow the positions that stay on every axis of every value (`plan.ts`). Initialisers are sliced to
 * them, an operator that says a size, a bound or a number of groups says the new one (`resize` in its own file), and constants
 * that nodes compute are made what they must be (`supply.ts`). At the end every value must have the shape that was planned for
 * it, or the surgery is at fault and says where.
 */
import { fail } from '../base/errors.js';
import { sampleShape } from '../graph/expand.js';
import { hasOpenBatch } from '../graph/facts/infer.js';
import { describe } from '../graph/operator.js';
import { usedValues } from '../onnx/attributes.js';
import type { Graph } from '../onnx/model.js';
import { emptied } from './floors.js';
import { type Analysis, analyse } from './groups.js';
import { checkSelection } from './mask.js';
import { type Plan, planOf, typeIn } from './plan.js';
import { rewritten } from './rewrite.js';
import type { ChannelOptions, Channels, Selection } from './types.js';
import { type Walk, walk } from './walk.js';

/**
 * The graph without the removed units: smaller weights, all shapes and settings rewritten, without nodes and initialisers
 * that nothing uses. It computes what {@link maskChannels} of the same selection computes.
 * @param channels as found in this graph; its weights may have changed since.
 * @throws UserError where the selection does not fit the groups, or would leave an axis empty.
 */
export const shrink = (
  graph: Graph,
  channels: Channels,
  selection: Selection,
  options: ChannelOptions = {},
): Graph => shrinker(graph, channels, options)(selection);

/** {@link shrink} for many selections of one graph, which is followed only once, when the first is asked for. */
export function shrinker(
  given: Graph,
  channels: Channels,
  options: ChannelOptions = {},
): (selection: Selection) => Graph {
  const all = { ...channels.options, ...options };
  let known: { analysis: Analysis; twice: Walk | undefined } | undefined;
  return (selection) => {
    checkSelection(channels, selection);
    refuseEmpty(channels, selection);
    if (!known) {
      const analysis = analyse(given, all);
      known = { analysis, twice: doubled(analysis, all) };
    }
    const { analysis, twice } = known;
    checkSelection(analysis.channels, selection);
    const plan = planOf(analysis, selection, twice);
    const nodes = analysis.coupling.walk.steps.flatMap((step, i) => rewritten(step, i, plan));
    const result = cleaned({ ...analysis.graph, nodes, initializers: plan.initializers }, plan);
    verify(result, plan, all);
    return result;
  };
}

function refuseEmpty(channels: Channels, selection: Selection): void {
  const [empty] = emptied(channels, selection);
  if (!empty) return;
  const names = empty.map((name) => `'${name}'`).join(', ');
  fail(
    `The selection removes all of ${names}, which leaves nothing to compute with; keep one unit at least.`,
  );
}

/** The walk at a batch of two, where the model leaves its batch open and can be followed there just as well. */
function doubled({ graph, coupling }: Analysis, { inputShapes }: ChannelOptions): Walk | undefined {
  if (!graph.inputs.some(({ shape }) => hasOpenBatch(shape))) return undefined;
  const twice = walk(graph, doubledShapes(graph, inputShapes));
  const same = twice.steps.every((step, i) => step.opaque === coupling.walk.steps[i].opaque);
  return same ? twice : undefined;
}

/** Without what nothing uses, and with declared shapes as they are now. */
function cleaned(graph: Graph, plan: Plan): Graph {
  const used = new Set(graph.outputs.map(({ name }) => name));
  const nodes = graph.nodes.toReversed().filter((node) => {
    if (!node.outputs.some((name) => used.has(name))) return false;
    for (const name of usedValues(node)) used.add(name);
    return true;
  });
  const initializers = new Map([...graph.initializers].filter(([name]) => used.has(name)));
  const made = new Set(nodes.flatMap(({ outputs }) => outputs));
  const declared = new Map(
    [...graph.declared].flatMap(([name, value]) => {
      if (!made.has(name) && !initializers.has(name)) return [];
      const [shape, core] = [plan.shape(name, 0), plan.walk.values.get(name)];
      const constant = core !== undefined && plan.walk.tape.type(core).constant;
      if (!shape || constant || shape.length !== value.shape?.length) return [[name, value] as const];
      const before = plan.walk.tape.type(core!).shape;
      const dims = value.shape.map((dim, i) => (dim === before[i] ? shape[i] : dim));
      return [[name, { ...value, shape: dims }] as const];
    }),
  );
  return { ...graph, nodes: nodes.reverse(), initializers, declared };
}

/** @throws Error where a value of the smaller graph has not the shape that was planned: a defect of the surgery. */
function verify(graph: Graph, plan: Plan, { inputShapes }: ChannelOptions): void {
  const opaque = new Map(plan.walk.steps.map(({ node, opaque }) => [node.name, opaque]));
  const check = (now: Walk, batch: 0 | 1) => {
    for (const step of now.steps) {
      if (step.opaque !== undefined && opaque.get(step.node.name) === undefined) {
        throw new Error(`After surgery, ${describe(step.node)} does not fit its operands: ${step.opaque}`);
      }
      for (const name of step.node.outputs) {
        const [found, wanted] = [typeIn(now, name), plan.shape(name, batch)];
        if (!found || found.constant || !wanted || found.shape.join() === wanted.join()) continue;
        throw new Error(
          `After surgery, ${describe(step.node)} gives '${name}' as [${found.shape}], not [${wanted}]`,
        );
      }
    }
  };
  check(walk(graph, inputShapes), 0);
  const twice = plan.twice && doubledShapes(graph, inputShapes);
  if (twice) check(walk(graph, twice), 1);
}

function doubledShapes(
  graph: Graph,
  inputShapes: ChannelOptions['inputShapes'],
): Record<string, readonly number[]> {
  const open = graph.inputs.filter(({ shape }) => hasOpenBatch(shape));
  const shapes = open.map((value) => [value.name, [2, ...sampleShape(value, inputShapes).slice(1)]]);
  return { ...inputShapes, ...Object.fromEntries(shapes) };
}
