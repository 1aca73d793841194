/**
 * A graph expanded into core operators so that every position can be followed: like `expandModel`, but nothing that could be
 * sliced is folded away, and nothing is refused.
 *
 * Weights (initialisers of more than one number) are data, so the core graph says how they are used; what an operator only
 * reads as a setting (a shape, scales of a Resize) is constant for it, and shape arithmetic still folds away. Where an
 * operator is not known or not possible for the engine, its outputs are *opaque*: values of a known or an unknown type whose
 * positions cannot be followed.
 */
import { fail, UserError } from '../../base/index.js';
import {
  type Budget,
  budget,
  DependsOnData,
  describe,
  findOperator,
  foldedTypes,
  type Operator,
  originIn,
  type Site,
  sampleShape,
  type Tape,
  type Told,
  type Type,
  tape,
} from '../../graph/index.js';
import {
  type DType,
  type Graph,
  isFloat,
  type Node,
  opsetOf,
  sizeOf,
  type Tensor,
  usedValues,
} from '../../onnx/index.js';

/** A node of the graph and what became of it. */
export interface Step {
  node: Node;
  /** Absent where an input has no known type, or the operator is not known. */
  site?: Site;
  operator?: Operator;
  /** Core values of the inputs; '' where absent, undefined where not known. */
  inputs: readonly (string | undefined)[];
  outputs: readonly (string | undefined)[];
  /** Its part of the tape, from and to. */
  from: number;
  to: number;
  /** Its outputs are known without the model's inputs or weights. */
  folded: boolean;
  /** Why its positions cannot be followed, as a clause. */
  opaque?: string;
}

export interface Walk {
  graph: Graph;
  tape: Tape;
  /** Core value of every ONNX value whose type is known. */
  values: Map<string, string>;
  steps: Step[];
  /** Nodes of bodies, and what became of them. */
  inner: Map<Node, Told>;
  /** For constants that are computed on the way. */
  left: Budget;
}

/** @throws UserError where the shape of an input is open beyond the batch. */
export function walk(graph: Graph, inputShapes?: Record<string, readonly number[]>): Walk {
  const t = tape();
  const values = new Map<string, string>();
  const dtypes = new Map<string, DType>();
  for (const value of graph.inputs) {
    const shape = sampleShape(value, inputShapes, graph.inputs);
    values.set(value.name, t.declare(value.name, { dtype: value.dtype, shape, laned: true }));
    dtypes.set(value.name, value.dtype);
  }
  const quantized = quantizedWeights(graph);
  const settings = settingSources(graph);
  for (const [name, tensor] of graph.initializers) {
    const data =
      sizeOf(tensor.shape) > 1 && (isFloat(tensor.dtype) || quantized.has(name)) && !settings.has(name);
    const type = { dtype: tensor.dtype, shape: tensor.shape, laned: false };
    values.set(name, t.declare(name, data ? type : { ...type, constant: tensor }));
    dtypes.set(name, tensor.dtype);
  }
  const inner: Walk['inner'] = new Map();
  t.tell = (node, told) => {
    inner.set(node, told);
  };
  const w: Walk = { graph, tape: t, values, steps: [], inner, left: budget() };
  for (const node of graph.nodes) w.steps.push(step(node, w, dtypes));
  return w;
}

/** Integer initialisers that stand for weights: what DequantizeLinear reads, through whatever forms of it. */
function quantizedWeights(graph: Graph): Set<string> {
  const origin = originIn(graph);
  const found = graph.nodes
    .filter((node) => findOperator(node)?.roles?.[0]?.is === 'integers')
    .flatMap(({ inputs }) => inputs.map((name) => origin(name)));
  return new Set(found.filter((name) => name !== undefined));
}

/** What settings are computed from, other than shapes: numbers of shape arithmetic, floats among them. */
function settingSources(graph: Graph): Set<string> {
  const ofShapes = (node: Node) => node.op === 'Shape' || node.op === 'Size';
  const data = new Set(graph.inputs.map(({ name }) => name));
  const makers = new Map<string, Node>();
  for (const node of graph.nodes) {
    for (const name of node.outputs) makers.set(name, node);
    if (!ofShapes(node) && usedValues(node).some((name) => data.has(name))) {
      for (const name of node.outputs) data.add(name);
    }
  }
  const found = new Set<string>();
  const visit = (first: string): void => {
    for (const open = [first]; open.length > 0; ) {
      const name = open.pop()!;
      if (name === '' || data.has(name) || found.has(name)) continue;
      found.add(name);
      const maker = makers.get(name);
      if (maker && !ofShapes(maker)) open.push(...maker.inputs);
    }
  };
  for (const node of graph.nodes) {
    for (const i of findOperator(node)?.settings ?? []) {
      const name = node.inputs[i] ?? '';
      if (makers.has(name)) visit(name);
    }
  }
  return found;
}

function step(node: Node, w: Walk, dtypes: Map<string, DType>): Step {
  const operator = findOperator(node);
  const inputs = node.inputs.map((name) => (name === '' ? '' : w.values.get(name)));
  const begun = { node, operator, inputs, from: w.tape.nodes.length, folded: false };
  if (operator && inputs.every((core) => core !== undefined)) {
    return expanded({ ...begun, operator, inputs }, w, dtypes);
  }
  const opaque = operator
    ? `${describe(node)} uses it together with a value of unknown shape`
    : `it is used by ${describe(node)}, an operator that espalier does not know`;
  return { ...begun, outputs: opaqueOutputs(node, w, dtypes), to: begun.from, opaque };
}

type Begun = Pick<Step, 'node' | 'from' | 'folded'> & { operator: Operator; inputs: string[] };

/** A node that is known, with inputs that are: folded, written on the tape, or opaque after all. */
function expanded(begun: Begun, w: Walk, dtypes: Map<string, DType>): Step {
  const { node, operator, from } = begun;
  const { graph, tape: t, values } = w;
  const inputs = begun.inputs.map((core, i) => used(core, operator.settings?.includes(i) ?? false, w));
  const site: Site = {
    node,
    opset: opsetOf(graph.source, node.domain),
    inputs: node.inputs.map((name, i) =>
      name === '' ? undefined : { ...t.type(inputs[i]), dtype: dtypes.get(name)! },
    ),
  };
  try {
    const types = foldedTypes(site, operator, w.left);
    if (emptiesData(site, types)) {
      const opaque = `it is used by ${describe(node)}, which computes with values of no elements`;
      return { ...begun, outputs: opaqueOutputs(node, w, dtypes, site, operator), to: from, opaque };
    }
    const folded = types.every(({ constant }) => constant);
    if (!folded && !operator.expand) fail(`${describe(node)} has no form for the engine.`);
    const outputs = folded
      ? types.map(({ constant }) => t.constant(constant!))
      : operator.expand!(site, inputs, t);
    for (const [i, name] of node.outputs.entries()) {
      if (name === '') continue;
      values.set(name, outputs[i]);
      dtypes.set(name, types[i].dtype);
    }
    return { ...begun, site, inputs, outputs, to: t.nodes.length, folded };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    t.nodes.length = from;
    const opaque =
      error instanceof DependsOnData
        ? `it is used by ${describe(node)}, whose weights or settings are computed from data`
        : `it is used by ${describe(node)}, whose positions cannot be followed`;
    return { ...begun, outputs: opaqueOutputs(node, w, dtypes, site, operator), to: from, opaque };
  }
}

/** Whether data comes or goes without elements: core operators keep nothing of that, so nothing says which positions belong together. */
function emptiesData({ inputs }: Site, outputs: readonly Pick<Type, 'shape'>[]): boolean {
  const data = inputs.flatMap((type) => (type && !type.constant ? [type] : []));
  return data.length > 0 && [...data, ...outputs].some(({ shape }) => shape.includes(0));
}

/** An input as one node uses it: settings are constant, and constants are a value of their own for every use. */
function used(core: string, setting: boolean, { graph, tape: t }: Walk): string {
  if (core === '') return core;
  const constant: Tensor | undefined =
    t.type(core).constant ?? (setting ? graph.initializers.get(core) : undefined);
  return constant ? t.constant(constant) : core;
}

/** Outputs that cannot be followed: of the type that the operator infers, else that the file declares, else unknown. */
function opaqueOutputs(
  node: Node,
  { graph, tape: t, values }: Walk,
  dtypes: Map<string, DType>,
  site?: Site,
  operator?: Operator,
): (string | undefined)[] {
  const inferred = site && operator ? tolerant(() => operator.infer(site)) : undefined;
  return node.outputs.map((name, i) => {
    const declared = graph.declared.get(name) ?? graph.outputs.find((value) => value.name === name);
    const shape = inferred?.[i]?.shape ?? (declared?.shape && tolerant(() => sampleShape(declared)));
    if (name === '' || !shape) return undefined;
    const dtype = inferred?.[i]?.dtype ?? declared!.dtype;
    dtypes.set(name, dtype);
    const core = t.declare(`${name}#opaque`, { dtype, shape, laned: true });
    values.set(name, core);
    return core;
  });
}

function tolerant<T>(compute: () => T): T | undefined {
  try {
    return compute();
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}
