/** What a model weighs: parameters, MACs, zeros, and which of its numbers pruning may take. */
import { inferTypes } from '../graph/facts/infer.js';
import { summarize } from '../graph/facts/summary.js';
import { floats, type Graph, isFloat, type Node, sizeOf } from '../onnx/index.js';
import { liveLayers } from './live.js';

export interface MeasuredLayer {
  /** ONNX initialiser name. */
  name: string;
  op: string;
  shape: readonly number[];
  size: number;
  kept: number;
  density: number;
  /** Output channels, and how many of them are dead: not reached by the input, or reaching no output. */
  units?: number;
  dead?: number;
}

export interface Measure {
  params: number;
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
  /** Output channels of the prunable layers, and those that are dead. */
  units: number;
  deadUnits: number;
  layers: MeasuredLayer[];
  /** All other numbers of the model, and why pruning leaves them alone. */
  unpruned: { name: string; size: number; reason: string }[];
}

/** @throws UserError when the shape of an input is open, or a node's inputs do not fit. */
export function measure(graph: Graph, inputShapes: Record<string, number[]> = {}): Measure {
  const summary = summarize(graph, { inputShapes });
  const inferred = inferTypes(graph, { inputShapes });
  const alive = liveLayers(graph, inferred);
  const learnt = new Set(summary.layers.flatMap(({ weights }) => weights));
  const ops = new Map(
    summary.layers.flatMap(({ prunable, op }) => prunable.map((name) => [name, op] as const)),
  );
  const layers = [...ops].flatMap(([name, op]) => {
    const tensor = graph.initializers.get(name);
    if (!tensor) return [];
    const [size, kept] = [sizeOf(tensor.shape), sizeOf(tensor.shape) - zeros(graph, name)];
    const { units, dead, live = kept } = alive.get(name) ?? {};
    const density = size ? kept / size : 1;
    return [{ name, op, shape: tensor.shape, size, kept, density, units, dead: dead?.length, live }];
  });
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const prunable = total(layers.map(({ size }) => size));
  const kept = total(layers.map((layer) => layer.kept));
  const fraction = (zero: number, of: number) => (of ? zero / of : 0);
  const macs = (what: 'kept' | 'live') =>
    Math.round(
      total(
        summary.layers.map((layer) => {
          const weight = byName.get(layer.prunable[0]);
          return weight?.size ? (layer.macs * weight[what]) / weight.size : layer.macs;
        }),
      ),
    );
  return {
    params: summary.params,
    nonzero: summary.params - total([...learnt].map((name) => zeros(graph, name))),
    macs: summary.macs,
    effectiveMacs: macs('kept'),
    liveMacs: macs('live'),
    prunable,
    sparsity: fraction(prunable - kept, prunable),
    sparsityWithBiases: fraction(prunable - kept, prunable + biases(graph, byName)),
    effectiveSparsity: fraction(prunable - total(layers.map(({ live }) => live)), prunable),
    units: total(layers.map(({ units = 0 }) => units)),
    deadUnits: total(layers.map(({ dead = 0 }) => dead)),
    layers: layers.map(({ live, ...layer }) => layer),
    unpruned: unprunedOf(graph, learnt, new Set(byName.keys()), inferred.types),
  };
}

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** Elements of the biases beside prunable weights: an input of the layer itself, or what an Add puts to a MatMul. */
function biases(graph: Graph, prunable: ReadonlyMap<string, unknown>): number {
  const names = graph.nodes.flatMap(({ op, inputs, outputs: [result] }) => {
    if (!prunable.has(inputs[1])) return [];
    if (op !== 'MatMul') return inputs.slice(2, 3);
    return graph.nodes.find((node) => node.op === 'Add' && node.inputs.includes(result))?.inputs ?? [];
  });
  return total([...new Set(names)].map((name) => sizeOf(graph.initializers.get(name)?.shape ?? [0])));
}

/** Zeros of an initialiser; what a node makes is taken for full. */
function zeros(graph: Graph, name: string): number {
  const tensor = graph.initializers.get(name);
  return tensor ? floats(tensor).reduce((n, x) => n + (x === 0 ? 1 : 0), 0) : 0;
}

function unprunedOf(graph: Graph, learnt: ReadonlySet<string>, prunable: ReadonlySet<string>, types: Types) {
  const users = new Map<string, { node: Node; index: number }>();
  for (const node of graph.nodes)
    for (const [index, name] of node.inputs.entries()) if (!users.has(name)) users.set(name, { node, index });
  const stored = [...graph.initializers].flatMap(([name, { dtype, shape }]) => {
    const user = users.get(name);
    if (prunable.has(name) || !isFloat(dtype) || !user) return [];
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

/** Why an initialiser is not pruned, by how the node that reads it uses it. */
function reasonFor({ op }: Node, index: number, learnt: boolean): string {
  if (/Normalization$/.test(op))
    return index < 3
      ? 'scale or shift of a normalisation: removing one removes or frees a whole channel'
      : 'running statistic: measured, not learnt';
  if (index === 2 && /^(Conv|ConvTranspose|Gemm)$/.test(op))
    return 'bias: one number per output, next to no work';
  if (op === 'Add') return 'added as a bias: one number per output, next to no work';
  if (op === 'PRelu') return 'slope of an activation';
  return learnt ? `learnt input of ${op}` : `constant of ${op}`;
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
