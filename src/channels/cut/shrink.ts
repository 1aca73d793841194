/**
 * Surgery: the graph without the removed units.
 *
 * From the classes that go follow the positions that stay on every axis of every value (`plan.ts`). Initialisers are sliced to
 * them, an operator that says a size, a bound or a number of groups says the new one (`resize` in its own file), and constants
 * that nodes compute are made what they must be (`supply/`). At the end every value must have the shape that was planned for
 * it, or the surgery is at fault and says where.
 */
import { fail, UserError } from '../../base/index.js';
import { describe, type OpenDimension, type OtherSizes, otherSizes, partFor } from '../../graph/index.js';
import type { Graph, Value } from '../../onnx/index.js';
import { emptied } from '../find/floors.js';
import { type Analysis, analyse } from '../find/groups.js';
import { retied, type Tie } from '../find/ties.js';
import { type Step, type Walk, walk } from '../find/walk.js';
import { separated } from '../find/weights.js';
import type { ChannelOptions, Channels, Selection } from '../types.js';
import { checkSelection } from './mask.js';
import { HoldsAtOneSize, type Plan, planOf, shapeIn, typeIn, type View } from './plan.js';
import { rewritten } from './rewrite.js';

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
  let known: Known | undefined;
  return (selection) => {
    checkSelection(channels, selection);
    refuseEmpty(channels, selection);
    if (![...selection.values()].some((kept) => kept.includes(false))) return given;
    known ??= followed(given, all);
    checkSelection(known.analysis.channels, selection);
    return retied(smaller(known, selection, all), known.ties);
  };
}

/** A graph followed at the size of its groups, and at others. */
interface Known {
  analysis: Analysis;
  others: readonly Other[];
  /** Dimensions for which no other size could be followed, although the model has some. */
  lost: readonly OpenDimension[];
  ties: readonly Tie[];
}

interface Other extends OtherSizes {
  analysis: Analysis;
}

function followed(given: Graph, options: ChannelOptions): Known {
  const analysis = analyse(given, options);
  const { steps } = analysis.coupling.walk;
  const alike = (other: Analysis): boolean =>
    other.coupling.walk.steps.every(
      ({ opaque, folded }, i) => opaque === steps[i].opaque && folded === steps[i].folded,
    );
  const tried = otherSizes(analysis.graph, options.inputShapes);
  const others = tried.flatMap((sizes): Other[] => {
    const there = analysisAt(sizes.shapes, analysis, options);
    return there && alike(there) ? [{ ...sizes, analysis: there }] : [];
  });
  const seen = changedIn(others);
  const { ties } = separated(given);
  return { analysis, others, ties, lost: [...changedIn(tried)].filter((dimension) => !seen.has(dimension)) };
}

/** The same units at another size; undefined where the graph cannot be followed there, as it would take too much. */
function analysisAt(
  inputShapes: OtherSizes['shapes'],
  known: Analysis,
  options: ChannelOptions,
): Analysis | undefined {
  try {
    return analyse(known.graph, { ...options, inputShapes }, known);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

const changedIn = (sizes: readonly OtherSizes[]): Set<OpenDimension> =>
  new Set(sizes.flatMap(({ changed }) => changed));

/** The smaller graph, in which all dimensions stay open for which what must be written down holds at other sizes too. */
function smaller(known: Known, selection: Selection, options: ChannelOptions): Graph {
  const { analysis, others, lost } = known;
  const attempt = (used: readonly Other[]): Graph | undefined => {
    try {
      return cut(analysis, used, selection, options);
    } catch (error) {
      if (error instanceof HoldsAtOneSize) return undefined;
      throw error;
    }
  };
  const fixed = new Set(lost);
  const usable = () => others.filter(({ changed }) => !changed.some((dimension) => fixed.has(dimension)));
  const whole = attempt(others);
  if (whole) return declared(whole, known, fixed);
  for (const dimension of changedIn(others)) {
    const alone = others.filter(({ changed }) => changed.every((each) => each === dimension));
    if (!attempt(alone)) fixed.add(dimension);
  }
  const open = attempt(usable());
  if (open) return declared(open, known, fixed);
  for (const dimension of changedIn(usable())) fixed.add(dimension);
  return declared(cut(analysis, [], selection, options), known, fixed);
}

/** The graph without what goes, as it must be at the size of its groups and at others. @throws HoldsAtOneSize */
function cut(
  analysis: Analysis,
  others: readonly Other[],
  selection: Selection,
  { inputShapes }: ChannelOptions,
): Graph {
  const plan = planOf([analysis, ...others.map((other) => other.analysis)], selection);
  const nodes = analysis.coupling.walk.steps.flatMap((_, i) => rewritten(i, plan));
  const result = cleaned({ ...analysis.graph, nodes, initializers: plan.initializers }, plan);
  verify(result, plan, [inputShapes, ...others.map(({ shapes }) => shapes)]);
  return result;
}

/** The graph with the sizes declared that it holds at only, in its inputs and in what follows them. */
function declared(graph: Graph, { analysis, others }: Known, fixed: ReadonlySet<OpenDimension>): Graph {
  if (fixed.size === 0) return graph;
  const w = analysis.coupling.walk;
  const sizes = new Map([...fixed].flatMap(({ places, size }) => places.map((at) => [keyOf(at), size])));
  const inputs = graph.inputs.map((value) => {
    const shape = value.shape ?? typeIn(w, value.name)?.shape;
    return {
      ...value,
      shape: shape?.map((dim, axis) => sizes.get(keyOf({ input: value.name, axis })) ?? dim),
    };
  });
  const [left, gone] = [false, true].map((does) =>
    others.filter(({ changed }) => changed.some((dimension) => fixed.has(dimension)) === does),
  );
  const follows = (name: string, axis: number, some: readonly Other[]): boolean =>
    some.some((other) => {
      const dim = typeIn(other.analysis.coupling.walk, name)?.shape[axis];
      return dim !== undefined && dim !== typeIn(w, name)?.shape[axis];
    });
  const settled = (value: Value): Value => {
    const now = typeIn(w, value.name)?.shape;
    if (!now || now.length !== value.shape?.length) return value;
    const shape = value.shape.map((dim, axis) =>
      typeof dim !== 'number' && follows(value.name, axis, gone) && !follows(value.name, axis, left)
        ? now[axis]
        : dim,
    );
    return { ...value, shape };
  };
  const values = new Map([...graph.declared].map(([name, value]) => [name, settled(value)]));
  return { ...graph, inputs, outputs: graph.outputs.map(settled), declared: values };
}

const keyOf = ({ input, axis }: OpenDimension['places'][number]): string => `${axis} ${input}`;

function refuseEmpty(channels: Channels, selection: Selection): void {
  const [empty] = emptied(channels, selection);
  if (!empty) return;
  const names = empty.map((name) => `'${name}'`).join(', ');
  fail(
    `The selection removes all of ${names}, which leaves nothing to compute with; keep at least one unit.`,
  );
}

/** Without what nothing uses, and with declared shapes as they are now. */
function cleaned(graph: Graph, plan: Plan): Graph {
  const { nodes, initializers } = partFor(graph, graph.outputs);
  const made = new Set(nodes.flatMap(({ outputs }) => outputs));
  const [first] = plan.views;
  const declared = new Map(
    [...graph.declared].flatMap(([name, value]) => {
      if (!made.has(name) && !initializers.has(name)) return [];
      const [shape, core] = [shapeIn(first, name), first.walk.values.get(name)];
      const constant = core !== undefined && first.walk.tape.type(core).constant;
      if (!shape || constant || shape.length !== value.shape?.length) return [[name, value] as const];
      const before = first.walk.tape.type(core!).shape;
      const dims = value.shape.map((dim, i) => (dim === before[i] ? shape[i] : dim));
      return [[name, { ...value, shape: dims }] as const];
    }),
  );
  return { ...graph, nodes, initializers, declared };
}

/**
 * @throws HoldsAtOneSize where a value of the smaller graph has not the shape that was planned at another size.
 * @throws Error where it has not at the first: a defect of the surgery.
 */
function verify(graph: Graph, { views }: Plan, shapes: readonly ChannelOptions['inputShapes'][]): void {
  const before = new Map(views[0].walk.steps.map((step) => [step.node.name, step]));
  for (const [v, view] of views.entries()) {
    const wrong = misfit(walk(graph, shapes[v]), view, before);
    if (wrong === undefined) continue;
    if (v > 0) throw new HoldsAtOneSize(wrong);
    throw new Error(`After surgery, ${wrong}`);
  }
}

/** What does not have its shape. */
function misfit(now: Walk, view: View, before: ReadonlyMap<string, Step>): string | undefined {
  for (const step of now.steps) {
    const known = before.get(step.node.name);
    // What was known without data has no positions to follow, and its readers were given what they need.
    if (step.opaque !== undefined && known?.folded) continue;
    if (step.opaque !== undefined && known?.opaque === undefined)
      return `${describe(step.node)} does not fit its operands: ${step.opaque}`;
    for (const name of step.node.outputs) {
      const [found, wanted] = [typeIn(now, name), shapeIn(view, name)];
      if (!found || found.constant || !wanted || found.shape.join() === wanted.join()) continue;
      return `${describe(step.node)} gives '${name}' as [${found.shape}], not [${wanted}]`;
    }
  }
  return undefined;
}
