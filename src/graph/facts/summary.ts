/** What a network is made of: shapes, parameters and MACs, layer by layer. */
import { fail } from '../../base/index.js';
import { type Graph, isFloat, type Node, sizeOf } from '../../onnx/index.js';
import { describe } from '../operator.js';
import { findOperator } from '../ops/index.js';
import { inputsThatAre, learntInputs } from '../roles.js';
import { hasOpenBatch, type Inferred, inferTypes } from './infer.js';

/** Numbers, and 'N' or '4·N' for dimensions that grow with the batch. */
export type SymbolicShape = (number | string)[];

export interface Layer {
  name: string;
  /** With its domain, unless that is ONNX's own. */
  op: string;
  /** Shapes of the inputs that depend on the network's inputs; undefined where unknown. */
  inputs: (SymbolicShape | undefined)[];
  outputs: (SymbolicShape | undefined)[];
  /** Learnt numbers that no layer before has used. */
  params: number;
  /** Multiply-accumulates for one sample. */
  macs: number;
  /** The learnt values it uses. */
  weights: string[];
  /** Those of them that pruning may set to zero. */
  prunable: string[];
}

export interface ModelSummary {
  layers: Layer[];
  /** Learnt numbers, each counted once; running statistics are not learnt. */
  params: number;
  /** Multiply-accumulates for one sample. */
  macs: number;
  /** Operators that are not known, with how many nodes have them. */
  unknown: { op: string; count: number }[];
  /** Layers whose MACs are not counted, since only a run knows their shapes, or a node before is not known. */
  uncounted: string[];
}

/**
 * @param options.inputShapes shapes of inputs whose dimensions the file leaves open; the batch needs none.
 * @throws UserError naming an input whose shape is open beyond the batch, or a node whose inputs do not fit.
 */
export function summarize(
  graph: Graph,
  { inputShapes }: { inputShapes?: Record<string, readonly number[]> } = {},
): ModelSummary {
  for (const name of Object.keys(inputShapes ?? {})) {
    if (graph.inputs.some((input) => input.name === name)) continue;
    fail(
      `A shape is given for '${name}', but the model has no such input; it has ${graph.inputs.map((input) => `'${input.name}'`).join(', ')}.`,
    );
  }
  const inferred = inferTypes(graph, { inputShapes });
  const symbolic = symbolically(graph, inferred, inputShapes);
  const counted = new Set<string>();
  const origin = originIn(graph, inferred.types);
  const layers = graph.nodes.map((node) => layerOf(node, inferred, symbolic, origin, counted));
  const total = (what: 'params' | 'macs') => layers.reduce((sum, layer) => sum + layer[what], 0);
  const unknown = new Map<string, number>();
  for (const node of inferred.unknown) unknown.set(opOf(node), (unknown.get(opOf(node)) ?? 0) + 1);
  return {
    layers,
    params: total('params'),
    macs: total('macs'),
    unknown: [...unknown].map(([op, count]) => ({ op, count })),
    uncounted: graph.nodes
      .filter((node) => findOperator(node)?.macs && !inferred.sites.has(node))
      .map(describe),
  };
}

/**
 * The weights that a computed value is a form of (transposed, masked, …): whatever its first operands lead back to as
 * long as that holds real numbers. Quantised weights and those that a node makes up are weights by themselves.
 */
function originIn(graph: Graph, types: Inferred['types']): (name: string) => string {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  return (name) => {
    let at = name;
    for (let maker = makers.get(at); maker; maker = makers.get(at)) {
      const type = types.get(maker.inputs[0] ?? '');
      if (!type || !isFloat(type.dtype)) break;
      at = maker.inputs[0];
    }
    return at;
  };
}

const opOf = ({ domain, op }: Node): string => (domain ? `${domain}.${op}` : op);

function layerOf(
  node: Node,
  { types, sites }: Inferred,
  symbolic: (name: string) => SymbolicShape | undefined,
  origin: (name: string) => string,
  counted: Set<string>,
): Layer {
  const known = sites.get(node);
  const operator = findOperator(node);
  const learnt = (indices: readonly number[]): string[] =>
    indices.flatMap((index) => {
      const type = types.get(node.inputs[index] ?? '');
      if (!type || type.laned || !(isFloat(type.dtype) || operator?.stored)) return [];
      return (operator?.learnable?.(type.shape, index) ?? true) ? [origin(node.inputs[index])] : [];
    });
  const weights = learnt(learntInputs(operator));
  const fresh = weights.filter((name) => !counted.has(name));
  for (const name of fresh) counted.add(name);
  const outputs = node.outputs.map((name) => types.get(name));
  const complete = outputs.every((type) => type !== undefined);
  return {
    name: node.name,
    op: opOf(node),
    inputs: node.inputs.filter((name) => types.get(name)?.laned ?? name !== '').map(symbolic),
    outputs: node.outputs.map(symbolic),
    params: fresh.reduce((sum, name) => sum + sizeOf(types.get(name)!.shape), 0),
    macs: known && complete ? (known.operator.macs?.(known.site, outputs) ?? 0) : 0,
    weights,
    prunable: learnt(inputsThatAre(operator, 'weight')),
  };
}

/** Shapes with the batch in them: a dimension that doubles with the batch is a multiple of it. */
function symbolically(
  graph: Graph,
  { types }: Inferred,
  inputShapes?: Record<string, readonly number[]>,
): (name: string) => SymbolicShape | undefined {
  const twice = graph.inputs.some(({ shape }) => hasOpenBatch(shape)) ? doubled(graph, inputShapes) : types;
  return (name) =>
    types.get(name)?.shape.map((dim, axis) => {
      const grown = twice.get(name)?.shape[axis] === 2 * dim && dim > 0;
      return grown ? (dim === 1 ? 'N' : `${dim}·N`) : dim;
    });
}

/** Types at a batch of two; none where the model only fits a batch of one. */
function doubled(graph: Graph, inputShapes?: Record<string, readonly number[]>): Inferred['types'] {
  try {
    return inferTypes(graph, { inputShapes, batch: 2 }).types;
  } catch {
    return new Map();
  }
}
