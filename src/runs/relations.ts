/**
 * Which positions along an axis of a node's input take part in which positions along an axis of its output: the facts by
 * which dead units spread. Where nothing finer is known, all take part in all, and nothing spreads that should not.
 */
import type { Inferred } from '../graph/facts/infer.js';
import type { Site } from '../graph/operator.js';
import { elementwiseOperators } from '../graph/ops/elementwise.js';
import { attr, floats, floatTensor, type Graph, type Node, sizeOf, type Tensor } from '../onnx/index.js';

/** An axis of the input, one of the output, and every pair of positions along them that are tied together. */
export interface Relation {
  from: number;
  to: number;
  /** How many positions the axes have. */
  sizes: readonly [from: number, to: number];
  each(visit: (from: number, to: number) => void): void;
  /** Some positions have no partner, even if all of the other side are there. */
  cuts: boolean;
}

/** One axis is asked for; the relation tells the other. */
export type Asked = { from: number } | { to: number };

const PER_CHANNEL = new Set(
  'MaxPool AveragePool LpPool GlobalAveragePool GlobalMaxPool GlobalLpPool InstanceNormalization Resize Upsample Dropout Identity QuantizeLinear DequantizeLinear'.split(
    ' ',
  ),
);
/** Operators that only move elements: they are run on the numbers of the positions. */
const MOVES = new Set(
  'Reshape Flatten Squeeze Unsqueeze Transpose Split Slice Pad Expand Tile DepthToSpace SpaceToDepth Gather'.split(
    ' ',
  ),
);

/** The axis along which a weight node's units lie in its output, and the initialiser that holds its weights. */
export interface WeightSite {
  weight: string;
  unitAxis: number;
  relation: Relation;
  /** Input and output position of every element of the weight, in order. */
  place(element: number): readonly [from: number, to: number];
}

/** The node as a layer with stored weights, undefined where it is none. */
export function weightSite(
  node: Node,
  { initializers }: Graph,
  types: Inferred['types'],
): WeightSite | undefined {
  const weight = initializers.get(node.inputs[1]);
  const rank = types.get(node.outputs[0])?.shape.length;
  if (!weight || !rank || !types.get(node.inputs[0])?.laned) return undefined;
  const place = placeOf(node, weight.shape);
  if (!place) return undefined;
  const channels = types.get(node.inputs[0])!.shape;
  const axis = node.op === 'MatMul' ? rank - 1 : 1;
  const from = node.op === 'MatMul' ? channels.length - 1 : 1;
  const sizes = [channels[from], types.get(node.outputs[0])!.shape[axis]] as const;
  const values = floats(weight);
  const each: Relation['each'] = (visit) => {
    for (let e = 0; e < values.length; e++) if (values[e] !== 0) visit(...place(e));
  };
  const relation = { from, to: axis, sizes, each, cuts: values.includes(0) };
  return { weight: node.inputs[1], unitAxis: axis, relation, place };
}

/** Input and output channel of an element of a weight, by how its operator lays it out. */
function placeOf(node: Node, shape: readonly number[]): WeightSite['place'] | undefined {
  const inner = sizeOf(shape.slice(2));
  const [first, second] = shape;
  const at = (e: number) => [Math.floor(e / (inner * second)), Math.floor(e / inner) % second] as const;
  const groups = attr.int(node, 'group', 1);
  const part = (channel: number) => Math.floor(channel / (first / groups)) * second;
  switch (node.op) {
    case 'Conv':
      return (e) => {
        const [out, own] = at(e);
        return [part(out) + own, out];
      };
    case 'ConvTranspose':
      return (e) => {
        const [from, own] = at(e);
        return [from, part(from) + own];
      };
    case 'Gemm':
      if (attr.int(node, 'transA', 0) || shape.length !== 2) return undefined;
      return attr.int(node, 'transB', 0) ? (e) => [e % second, Math.floor(e / second)] : at;
    case 'MatMul':
      return shape.length === 2 ? at : undefined;
    default:
      return undefined;
  }
}

/**
 * How input `index` of a node bears on its output `output`; undefined: all positions on all. Of a node that cuts nothing
 * ask only where there is something to spread, for some relations are found by running the operator.
 */
export function relate(
  node: Node,
  [index, output]: readonly [number, number],
  asked: Asked,
  { sites, types }: Pick<Inferred, 'sites' | 'types'>,
  graph: Graph,
): Relation | undefined {
  const [x, y] = [types.get(node.inputs[index])?.shape, types.get(node.outputs[output])?.shape];
  if (!x || !y || (output > 0 && node.op !== 'Split')) return undefined;
  if (node.op === 'BatchNormalization') {
    const scale = graph.initializers.get(node.inputs[1]);
    return index === 0 ? shifted(asked, x, y, 0, 0, scale && floats(scale)) : undefined;
  }
  const onChannels = ('from' in asked ? asked.from : asked.to) === 1 && x[1] === y[1];
  if (PER_CHANNEL.has(node.op)) return index === 0 && onChannels ? shifted(asked, x, y) : undefined;
  if (Object.hasOwn(elementwiseOperators, node.op)) return shifted(asked, x, y, y.length - x.length);
  if (node.op === 'Concat') return concatenated(node, index, asked, types);
  if (/^Reduce(Mean|Sum|Max|Min|L2)$/.test(node.op))
    return index === 0 ? reduced(node, asked, x, y, sites) : undefined;
  return MOVES.has(node.op) && index === 0 ? moved(node, output, asked, sites) : undefined;
}

type Shape = readonly number[];

/** Position i to position i + `offset` of an axis that is `lift` further on; one position to all where it is broadcast. */
function shifted(
  asked: Asked,
  x: Shape,
  y: Shape,
  lift = 0,
  offset = 0,
  gate?: Float32Array,
): Relation | undefined {
  const from = 'from' in asked ? asked.from : asked.to - lift;
  const to = from + lift;
  if (from < 0 || x[from] === undefined || y[to] === undefined) return undefined;
  const sizes = [x[from], y[to]] as const;
  const broadcast = x[from] === 1;
  const each: Relation['each'] = (visit) => {
    if (broadcast) for (let i = 0; i < y[to]; i++) visit(0, i);
    else for (let i = 0; i < x[from]; i++) if (gate?.[i] !== 0) visit(i, i + offset);
  };
  return { from, to, sizes, each, cuts: gate?.includes(0) ?? false };
}

function concatenated(
  node: Node,
  index: number,
  asked: Asked,
  types: Inferred['types'],
): Relation | undefined {
  const shapes = node.inputs.map((name) => types.get(name)?.shape ?? []);
  const y = types.get(node.outputs[0])!.shape;
  const axis = (attr.int(node, 'axis', 1) + y.length) % y.length;
  const along = 'from' in asked ? asked.from : asked.to;
  const before = shapes.slice(0, index).reduce((sum, shape) => sum + (shape[axis] ?? 0), 0);
  const relation = shifted(asked, shapes[index], y, 0, along === axis ? before : 0);
  return relation && shapes[index][along] === 1 && y[along] > 1
    ? { ...relation, each: (visit) => visit(0, along === axis ? before : 0) }
    : relation;
}

/** The axes that stay, in their order. */
function reduced(
  node: Node,
  asked: Asked,
  x: Shape,
  y: Shape,
  sites: Inferred['sites'],
): Relation | undefined {
  const constant = sites.get(node)?.site.inputs[1]?.constant;
  const given = constant ? Array.from(floats(constant)) : attr.ints(node, 'axes', []);
  const gone = new Set(given.map((axis) => (axis + x.length) % x.length));
  const kept = [...x.keys()].filter((axis) => !gone.has(axis));
  const goal = (axis: number) => (y.length === x.length ? axis : kept.indexOf(axis));
  const from = kept.find((axis) => ('from' in asked ? axis === asked.from : goal(axis) === asked.to));
  return from === undefined || given.length === 0 ? undefined : shifted({ from }, x, y, goal(from) - from);
}

/**
 * Runs the operator on a tensor whose elements are numbered by their position along an axis, and looks where the numbers
 * are. Of the axes that come into question for the other side, that with the fewest pairs is taken.
 */
function moved(node: Node, output: number, asked: Asked, sites: Inferred['sites']): Relation | undefined {
  const known = sites.get(node);
  const [value] = known?.site.inputs ?? [];
  if (!known?.operator.evaluate || !value) return undefined;
  const others = known.site.inputs.slice(1);
  if (!others.every((type) => !type || type.constant)) return undefined;
  const axes =
    'from' in asked ? [asked.from] : [...value.shape.keys()].filter((axis) => value.shape[axis] > 1);
  const candidates = axes.flatMap((from) => {
    const numbers = numbered(value.shape, from);
    const inputs = [
      { ...value, dtype: 'float32', laned: false, constant: numbers },
      ...others,
    ] as Site['inputs'];
    const result = known.operator.evaluate!({ ...known.site, inputs })[output];
    const goals =
      'to' in asked ? [asked.to] : [...result.shape.keys()].filter((axis) => result.shape[axis] > 1);
    return goals.map((to) => pairsOf(result, from, to, value.shape[from]));
  });
  const best = candidates.sort((a, b) => a.pairs.length - b.pairs.length)[0];
  return (
    best && {
      ...best,
      cuts: false,
      each: (visit) => best.pairs.forEach(([from, to]) => void visit(from, to)),
    }
  );
}

/** 1 + the position along `axis`; 0 is left for what an operator puts in. */
function numbered(shape: Shape, axis: number): Tensor {
  const inner = sizeOf(shape.slice(axis + 1));
  return floatTensor(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => 1 + (Math.floor(i / inner) % shape[axis])),
  );
}

function pairsOf(result: Tensor, from: number, to: number, size: number) {
  const values = floats(result);
  const inner = sizeOf(result.shape.slice(to + 1));
  const seen = new Uint8Array(size * result.shape[to]);
  const pairs: [number, number][] = [];
  for (let i = 0; i < values.length; i++) {
    const goal = Math.floor(i / inner) % result.shape[to];
    const source = values[i] - 1;
    if (source < 0 || source >= size || seen[source * result.shape[to] + goal]++) continue;
    pairs.push([source, goal]);
  }
  return { from, to, sizes: [size, result.shape[to]] as const, pairs };
}
