/**
 * Dead units: channels that the input does not reach, because all weights on the way in are zero, or that reach no output,
 * because all on the way out are. A runtime may compute them; they say nothing of the input.
 *
 * Reach spreads forwards and need backwards, node by node: a unit of a convolution is reached when a weight that is not
 * zero ties it to a reached channel, and needed when one ties it to a needed one. So a channel dies of its neighbours' death
 * too, and one that a residual sum feeds from elsewhere lives on. Where an operator is not known or mixes everything, what
 * is alive anywhere is alive everywhere: a unit called dead is dead, but some dead ones may be missed.
 */
import type { Inferred } from '../graph/facts/infer.js';
import { floats, type Graph, type Node } from '../onnx/index.js';
import { type Asked, type Relation, relate, type WeightSite, weightSite } from './relations.js';

/** Of a layer's weight. */
export interface LiveLayer {
  units: number;
  /** Their numbers. */
  dead: number[];
  /** Weights that are not zero and tie a reached channel to a unit that is alive. */
  live: number;
}

/** Flags along an axis, or the same everywhere. */
type Mark = boolean | { axis: number; flags: Uint8Array };

interface Walk extends Pick<Inferred, 'types' | 'sites'> {
  graph: Graph;
  weights: ReadonlyMap<Node, WeightSite>;
}

/** The live part of every layer whose weight is an initialiser, by the weight's name. */
export function liveLayers(graph: Graph, inferred: Inferred): Map<string, LiveLayer> {
  const weights = new Map(
    graph.nodes.flatMap((node) => {
      const site = weightSite(node, graph, inferred.types);
      return site ? [[node, site] as const] : [];
    }),
  );
  const walk: Walk = { ...inferred, graph, weights };
  const reached = reach(walk);
  const needed = need(walk);
  const layers = new Map<string, LiveLayer>();
  for (const [node, site] of weights) {
    const layer = layerOf(graph, site, [
      reached.get(node.inputs[0]) ?? false,
      reached.get(node.outputs[0]) ?? false,
      needed.get(node.outputs[0]) ?? false,
    ]);
    const known = layers.get(site.weight);
    layers.set(site.weight, known && known.live >= layer.live ? known : layer);
  }
  return layers;
}

function layerOf(
  graph: Graph,
  { weight, relation, place }: WeightSite,
  [input, reached, needed]: readonly Mark[],
): LiveLayer {
  const [channels, units] = relation.sizes;
  const source = along(input, relation.from, channels);
  const [hit, wanted] = [reached, needed].map((mark) => along(mark, relation.to, units));
  const alive = hit.map((flag, unit) => flag & wanted[unit]);
  const values = floats(graph.initializers.get(weight)!);
  const whole = !source.includes(0) && !alive.includes(0);
  let live = 0;
  for (let e = 0; e < values.length; e++) {
    if (values[e] === 0) continue;
    const [from, to] = whole ? [0, 0] : place(e);
    live += source[from] & alive[to];
  }
  return { units, dead: [...alive.keys()].filter((unit) => alive[unit] === 0), live };
}

/** What depends on the input. */
function reach(walk: Walk): Map<string, Mark> {
  const marks = new Map<string, Mark>(walk.graph.inputs.map(({ name }) => [name, true]));
  for (const node of walk.graph.nodes)
    for (const [output, result] of node.outputs.entries()) {
      const parts = node.inputs.flatMap((name, index) => {
        const mark = marks.get(name);
        return mark === undefined ? [] : [forwards(mark, { node, index, output }, walk)];
      });
      if (result && parts.length) marks.set(result, parts.reduce(either));
    }
  return marks;
}

/** What an output depends on. */
function need(walk: Walk): Map<string, Mark> {
  const marks = new Map<string, Mark>(walk.graph.outputs.map(({ name }) => [name, true]));
  for (const node of [...walk.graph.nodes].reverse())
    for (const [output, result] of node.outputs.entries()) {
      const mark = marks.get(result);
      if (mark === undefined) continue;
      for (const [index, name] of node.inputs.entries()) {
        if (!name || walk.graph.initializers.has(name)) continue;
        const part = backwards(mark, { node, index, output }, walk);
        marks.set(name, either(marks.get(name) ?? false, part));
      }
    }
  return marks;
}

interface Step {
  node: Node;
  index: number;
  output: number;
}

function forwards(mark: Mark, step: Step, walk: Walk): Mark {
  const relation = relationOf(mark, step, walk, (axis) => ({ from: axis }));
  if (relation === undefined) return mark !== false;
  const [size, goals] = relation.sizes;
  const [flags, result] = [along(mark, relation.from, size), new Uint8Array(goals)];
  relation.each((from, to) => {
    result[to] |= flags[from];
  });
  return simple({ axis: relation.to, flags: result });
}

function backwards(mark: Mark, step: Step, walk: Walk): Mark {
  const relation = relationOf(mark, step, walk, (axis) => ({ to: axis }));
  if (relation === undefined) return mark !== false;
  const [size, goals] = relation.sizes;
  const [flags, result] = [along(mark, relation.to, goals), new Uint8Array(size)];
  relation.each((from, to) => {
    result[from] |= flags[to];
  });
  return simple({ axis: relation.from, flags: result });
}

/** Undefined where a mark passes whole. */
function relationOf(
  mark: Mark,
  { node, index, output }: Step,
  walk: Walk,
  ask: (axis: number) => Asked,
): Relation | undefined {
  if (mark === false) return undefined;
  const weight = index === 0 ? walk.weights.get(node)?.relation : undefined;
  if (weight) return mark === true && !weight.cuts ? undefined : weight;
  if (mark === true && node.op !== 'BatchNormalization') return undefined;
  const relation = relate(node, [index, output], ask(mark === true ? 1 : mark.axis), walk, walk.graph);
  return mark === true && !relation?.cuts ? undefined : relation;
}

/** The mark as flags along an axis: what is marked along another may be anywhere on this one. */
function along(mark: Mark, axis: number, size: number): Uint8Array {
  if (typeof mark === 'boolean') return new Uint8Array(size).fill(Number(mark));
  return mark.axis === axis && mark.flags.length === size ? mark.flags : new Uint8Array(size).fill(1);
}

function either(a: Mark, b: Mark): Mark {
  if (a === true || b === true) return true;
  if (a === false) return b;
  if (b === false) return a;
  const { axis, flags } = a;
  if (b.axis === axis && b.flags.length === 1) return b.flags[0] ? true : a;
  if (b.axis !== axis || b.flags.length !== flags.length) return true;
  return simple({ axis, flags: flags.map((flag, i) => flag | b.flags[i]) });
}

function simple(mark: { axis: number; flags: Uint8Array }): Mark {
  if (!mark.flags.includes(0)) return true;
  return mark.flags.includes(1) ? mark : false;
}
