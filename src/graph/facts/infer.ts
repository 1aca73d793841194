/**
 * Types of all values in a graph, node by node; operators that are not known, and shapes that only a run knows, leave outputs
 * without one.
 */
import { UserError } from '../../base/index.js';
import { type Graph, isInteger, type Node, opsetOf, sizeOf } from '../../onnx/index.js';
import type { Type } from '../core.js';
import { largestConstant, sampleShape } from '../expand.js';
import { budget, foldedTypes } from '../fold.js';
import { type Budget, type Operator, type Site, Unsupported } from '../operator.js';
import { findOperator } from '../ops/index.js';

export interface InferOptions {
  /** Shapes of inputs whose dimensions the file leaves open, by input name; the first dimension is the batch. */
  inputShapes?: Record<string, readonly number[]>;
  /** What stands for an open first dimension. Default 1. */
  batch?: number;
}

export interface Inferred {
  types: Map<string, Type>;
  /** Every node whose operator and shapes are known, with what its operator was asked. */
  sites: Map<Node, { site: Site; operator: Operator }>;
  /** Nodes whose operators are not known. */
  unknown: Node[];
}

/** @throws UserError where an input's shape is open, or a node's inputs do not fit. */
export function inferTypes(graph: Graph, { inputShapes, batch = 1 }: InferOptions = {}): Inferred {
  const types = new Map<string, Type>();
  for (const value of graph.inputs) {
    const [first, ...rest] = sampleShape(value, inputShapes, graph.inputs);
    const open = first !== undefined && hasOpenBatch(value.shape);
    const shape = first === undefined ? [] : [open ? batch : first, ...rest];
    types.set(value.name, { dtype: value.dtype, shape, laned: true });
  }
  for (const [name, tensor] of graph.initializers) {
    types.set(name, { dtype: tensor.dtype, shape: tensor.shape, laned: false, constant: tensor });
  }
  const sites: Inferred['sites'] = new Map();
  const unknown: Node[] = [];
  const left = budget();
  /** Values whose types the file declares, and what is computed from them. */
  const believed = new Set<string>();
  for (const node of graph.nodes) {
    const operator = findOperator(node);
    if (!operator) unknown.push(node);
    const known = operator && node.inputs.every((name) => name === '' || types.has(name));
    const opset = opsetOf(graph.source, node.domain);
    const site: Site = { node, opset, inputs: node.inputs.map((name) => types.get(name)) };
    const doubtful = node.inputs.some((name) => believed.has(name));
    const outputs = known && knownTypes(site, operator, { doubtful, left });
    if (!outputs || doubtful) for (const name of node.outputs) believed.add(name);
    if (!outputs) {
      for (const name of node.outputs) {
        const type = declaredType(graph, name, batch);
        if (type) types.set(name, type);
      }
      continue;
    }
    sites.set(node, { site, operator });
    const laned = site.inputs.some((type) => type?.laned);
    for (const [i, type] of outputs.entries()) {
      if (node.outputs[i]) types.set(node.outputs[i], { ...type, laned: laned && !type.constant });
    }
  }
  return { types, sites, unknown };
}

/** What the file declares of a value that cannot be inferred; undefined where that is less than a whole shape. */
function declaredType(graph: Graph, name: string, batch: number): Type | undefined {
  const value = graph.declared.get(name) ?? graph.outputs.find((output) => output.name === name);
  if (name === '' || !value?.shape) return undefined;
  const batches = new Set(
    graph.inputs.map(({ shape }) => shape?.[0]).filter((dim) => typeof dim === 'string'),
  );
  const shape = value.shape.map((dim) => (typeof dim === 'string' && batches.has(dim) ? batch : dim));
  const whole = shape.every((dim): dim is number => typeof dim === 'number' && dim > 0);
  return whole ? { dtype: value.dtype, shape, laned: true } : undefined;
}

/** Whether the first dimension of a declared shape is open, and so the batch. */
export const hasOpenBatch = (shape: Graph['inputs'][number]['shape']): boolean =>
  !shape || typeof shape[0] !== 'number' || shape[0] <= 0;

/** Undefined where they depend on data, espalier has no form for the node, or what is only declared does not fit. */
function knownTypes(
  site: Site,
  operator: Operator,
  { doubtful, left }: { doubtful: boolean; left: Budget },
): Omit<Type, 'laned'>[] | undefined {
  try {
    return outputTypes(site, operator, left);
  } catch (error) {
    if (error instanceof Unsupported || (doubtful && error instanceof UserError)) return undefined;
    throw error;
  }
}

function outputTypes(site: Site, operator: Operator, left: Budget): Omit<Type, 'laned'>[] {
  const types = operator.infer(site);
  const small = types.every(({ shape, dtype }) => isInteger(dtype) || sizeOf(shape) <= largestConstant);
  return small ? foldedTypes(site, operator, left) : types;
}
