/** What a model weighs: parameters, MACs, zeros, and which of its numbers pruning may take. */
import { deadUnits, findChannels, maskChannels } from '../channels/index.js';
import {
  biasesBeside,
  findOperator,
  type InputRole,
  inferTypes,
  inputsThatAre,
  inRealNumbers,
  type ModelSummary,
  openQuantized,
  originIn,
  summarize,
} from '../graph/index.js';
import { floats, type Graph, isFloat, type Node, sizeOf } from '../onnx/index.js';

export interface MeasuredLayer {
  /** ONNX initialiser name. */
  name: string;
  op: string;
  shape: readonly number[];
  size: number;
  kept: number;
  density: number;
  /** Output channels, and how many of them are dead: nothing makes them, or nothing reads them. */
  units: number;
  dead: number;
}

/** Size, cost and sparsity of a model, from {@link measure}. */
export interface Measure {
  /** Learnt numbers, zeros included. */
  params: number;
  /** Learnt numbers that are not zero. */
  nonzero: number;
  /** Multiply-accumulates for one image. */
  macs: number;
  /** Those whose weight is not zero. */
  effectiveMacs: number;
  /** Those of them that lie between channels that are alive. */
  liveMacs: number;
  /** Elements that pruning may set to zero. */
  prunable: number;
  /** Fraction of them that are zero. */
  sparsity: number;
  /** The same with the biases beside them, none taken for pruned, in the denominator. */
  sparsityWithBiases: number;
  /** The same with the weights of dead units counted as zero. */
  effectiveSparsity: number;
  /** Output channels of the prunable layers. */
  units: number;
  /** How many of them are dead: nothing makes them, or nothing reads them. */
  deadUnits: number;
  /** Prunable weights, with their zeros. */
  layers: MeasuredLayer[];
  /** All other numbers of the model, and why pruning leaves them alone. */
  unpruned: { name: string; size: number; reason: string }[];
}

/**
 * Counts the parameters, the multiply-accumulate operations and the zeros of a model.
 * @throws UserError when the shape of an input is open, or a node's inputs do not fit.
 */
export function measure(graph: Graph, inputShapes: Record<string, number[]> = {}): Measure {
  const opened = openQuantized(graph);
  const real = inRealNumbers(graph);
  const summary = summarize(opened, { inputShapes });
  const inferred = inferTypes(opened, { inputShapes });
  const learnt = new Set(summary.layers.flatMap(({ weights }) => weights));
  const ops = new Map(
    summary.layers.flatMap(({ prunable, op }) => prunable.map((name) => [name, op] as const)),
  );
  const alive = withoutDead(graph, inputShapes);
  const layers = [...ops].flatMap(([name, op]): MeasuredLayer[] => {
    const tensor = graph.initializers.get(name);
    if (!tensor) return [];
    const size = sizeOf(tensor.shape);
    const kept = size - zeros(real, name);
    const { units = 0, dead = 0 } = alive.units.get(name) ?? {};
    return [{ name, op, shape: tensor.shape, size, kept, density: size ? kept / size : 1, units, dead }];
  });
  const prunable = total(layers.map(({ size }) => size));
  const zero = prunable - total(layers.map(({ kept }) => kept));
  const silent = total(layers.map(({ name }) => zeros(alive.graph, name)));
  const names = new Set(layers.map(({ name }) => name));
  const fraction = (part: number, of: number) => (of ? part / of : 0);
  return {
    params: summary.params,
    nonzero: summary.params - total([...learnt].map((name) => zeros(real, name))),
    macs: summary.macs,
    effectiveMacs: effectiveMacs(real, summary),
    liveMacs: effectiveMacs(alive.graph, summary),
    prunable,
    sparsity: fraction(zero, prunable),
    sparsityWithBiases: fraction(zero, prunable + biases(opened, names)),
    effectiveSparsity: fraction(silent, prunable),
    units: total(layers.map(({ units }) => units)),
    deadUnits: total(layers.map(({ dead }) => dead)),
    layers,
    unpruned: unprunedOf(graph, learnt, names, inferred.types),
  };
}

/** The graph with its dead units masked, and how many output channels each weight has, and of them dead ones. */
function withoutDead(graph: Graph, inputShapes: Record<string, number[]>) {
  const channels = findChannels(graph, { inputShapes });
  const selection = deadUnits(graph, channels);
  const units = new Map<string, { units: number; dead: number }>();
  const count = (tensor: string, axis: number, dead: number) => {
    const size = graph.initializers.get(tensor)?.shape[axis] ?? 0;
    units.set(tensor, { units: size, dead: dead + (units.get(tensor)?.dead ?? 0) });
  };
  for (const { tensor, axis, role } of channels.frozen) if (role === 'out') count(tensor, axis, 0);
  for (const { name, members } of channels.groups)
    for (const { tensor, axis, role, positions } of members)
      if (role === 'out') {
        const dead = positions.filter((_, unit) => selection.get(name)?.[unit] === false);
        count(tensor, axis, dead.flat().length);
      }
  return { graph: inRealNumbers(maskChannels(graph, channels, selection)), units };
}

/** Multiply-accumulates whose weight is not zero; those without a stored weight count in full. */
const effectiveMacs = (graph: Graph, { layers }: ModelSummary): number =>
  Math.round(
    total(
      layers.map(({ macs, prunable: [name] }) => {
        const size = sizeOf(graph.initializers.get(name)?.shape ?? [0]);
        return size ? (macs * (size - zeros(graph, name))) / size : macs;
      }),
    ),
  );

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** Elements of the biases beside prunable weights. */
function biases(graph: Graph, prunable: ReadonlySet<string>): number {
  const biasOf = biasesBeside(graph);
  const origin = originIn(graph);
  const names = graph.nodes.flatMap((node) =>
    inputsThatAre(findOperator(node), 'weight').flatMap((index) => {
      const weight = origin(node.inputs[index] ?? '');
      return weight !== undefined && prunable.has(weight) ? (biasOf(node, weight) ?? []) : [];
    }),
  );
  return total([...new Set(names)].map((name) => sizeOf(graph.initializers.get(name)?.shape ?? [])));
}

/** Zeros of an initialiser; what a node makes is taken for full. */
function zeros(graph: Graph, name: string): number {
  const tensor = graph.initializers.get(name);
  return tensor ? floats(tensor).reduce((n, x) => n + (x === 0 ? 1 : 0), 0) : 0;
}

function unprunedOf(graph: Graph, learnt: ReadonlySet<string>, prunable: ReadonlySet<string>, types: Types) {
  const users = new Map<string, { node: Node; index: number }>();
  const handed = new Map<string, string>();
  for (const node of graph.nodes) {
    const [first] = node.inputs;
    const hands = node.op === 'Identity' || findOperator(node)?.roles?.[0]?.is === 'integers';
    if (hands) handed.set(node.outputs[0], handed.get(first) ?? first);
    for (const [index, value] of node.inputs.entries()) {
      const name = handed.get(value) ?? value;
      if (!(hands && index === 0) && !users.has(name)) users.set(name, { node, index });
    }
  }
  const stored = [...graph.initializers].flatMap(([name, { dtype, shape }]) => {
    const user = users.get(name);
    if (prunable.has(name) || !(isFloat(dtype) || learnt.has(name)) || !user) return [];
    return [{ name, size: sizeOf(shape), reason: reasonFor(user.node, user.index, learnt.has(name)) }];
  });
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node.op] as const)));
  const made = [...learnt].flatMap((name) =>
    graph.initializers.has(name)
      ? []
      : [
          {
            name,
            size: sizeOf(types.get(name)?.shape ?? []),
            reason: `made by ${makers.get(name)}: not stored as numbers that could be set to zero`,
          },
        ],
  );
  return [...stored, ...made];
}

type Types = ReturnType<typeof inferTypes>['types'];

const ofNormalisation = 'scale or shift of a normalisation: removing one removes or frees a whole channel';
const reasons: { [Role in InputRole['is']]?: string } = {
  scale: ofNormalisation,
  shift: ofNormalisation,
  statistic: 'running statistic: measured, not learnt',
  bias: 'bias: one number per output, next to no work',
  term: 'added as a bias: one number per output, next to no work',
  slope: 'slope of an activation',
};

/** Why an initialiser is not pruned, by how the node that reads it uses it. */
function reasonFor(node: Node, index: number, learnt: boolean): string {
  const { op } = node;
  const operator = findOperator(node);
  if (!operator) return `read by ${op}, an operator that espalier does not know`;
  const role = operator.roles?.[index]?.is;
  return (role && reasons[role]) ?? (learnt ? `learnt input of ${op}` : `constant of ${op}`);
}

/** Tensors that pruning leaves alone, gathered by the reason why. */
export function byReason(unpruned: Measure['unpruned']): { reason: string; names: string[]; size: number }[] {
  const reasons = new Map<string, { names: string[]; size: number }>();
  for (const { name, size, reason } of unpruned) {
    const known = reasons.get(reason) ?? { names: [], size: 0 };
    reasons.set(reason, { names: [...known.names, name], size: known.size + size });
  }
  return [...reasons].map(([reason, gathered]) => ({ reason, ...gathered }));
}
