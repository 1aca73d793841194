/**
 * From an ONNX graph to a core graph: every node is inferred, folded away where its inputs are constant, or expanded
 * into core operators by its operator's file.
 */
import { fail, own } from '../base/index.js';
import {
  type DType,
  type Graph,
  isFloat,
  type Node,
  opsetOf,
  sizeOf,
  usedValues,
  type Value,
} from '../onnx/index.js';
import type { Type } from './core.js';
import { budget } from './fold.js';
import { Unsupported } from './operator.js';
import { findOperator, operatorFor } from './ops/index.js';
import { originIn } from './origin.js';
import { inputsThatAre, learntInputs } from './roles.js';
import { type Tape, tape } from './tape.js';
import { writeNode } from './write.js';

export interface ExpandOptions {
  /** BatchNorm by batch statistics, Dropout active. Default false. */
  training?: boolean;
  /** Shapes of inputs whose dimensions the file leaves open, by input name; the first dimension is the batch. */
  inputShapes?: Record<string, readonly number[]>;
  /** Only shapes are wanted: what follows from large constants is left to be computed in a run. */
  shapesOnly?: boolean;
  /** Leaves out what cannot be computed, and all that rests on it, instead of refusing the model. Default false. */
  carry?: boolean;
}

export interface Expanded {
  tape: Tape;
  /** Core value of every ONNX value that still exists. */
  values: Map<string, string>;
  /** Initialisers that are learnt, with the node that uses each first. */
  learnt: Map<string, Node>;
  /** The learnt ones that pruning may set to zero. */
  prunable: Map<string, Node>;
  /** Initialisers that change without a gradient: running statistics, masks. */
  state: Set<string>;
  /** Nodes that were left out, each with why it, or what it rests on, cannot be computed. Their results have no core value. */
  carried: Map<Node, Unsupported>;
  /** What ONNX says each value is; the core knows real numbers only. */
  dtypes: ReadonlyMap<string, DType>;
}

/** Constants of more elements are weights, and no shape follows from them. */
export const largestConstant = 4096;

/**
 * Expands a model for one sample (see core.ts).
 * @throws UserError for shapes left open and, unless they are carried, unknown operators or those that the engine has no form for.
 */
export function expandModel(graph: Graph, options: ExpandOptions = {}): Expanded {
  if (!options.carry) for (const node of graph.nodes) operatorFor(node);
  const roles = rolesOf(graph);
  const expanded = expandWith(graph, options, roles);
  const frozen = weightsOfCarried(graph, expanded.carried);
  if (frozen.size === 0) return expanded;
  return expandWith(graph, options, without(roles, frozen));
}

/** Weights that nodes read which are left out: what those compute with them is not known, so they stay as they are. */
function weightsOfCarried(graph: Graph, carried: Expanded['carried']): Set<string> {
  if (carried.size === 0) return new Set();
  const origin = originIn(graph);
  return new Set([...carried.keys()].flatMap(usedValues).flatMap((name) => origin(name) ?? []));
}

function without({ learnt, prunable, state }: Roles, frozen: ReadonlySet<string>): Roles {
  const others = (map: Map<string, Node>) => new Map([...map].filter(([name]) => !frozen.has(name)));
  return {
    learnt: others(learnt),
    prunable: others(prunable),
    state: new Set([...state].filter((name) => !frozen.has(name))),
  };
}

/**
 * The core value of a value of the model.
 * @throws Unsupported where it cannot be computed, UserError where there is none of that name.
 */
export function coreValue(
  { values, carried }: Pick<Expanded, 'values' | 'carried'>,
  name: string,
  without = `The model has no value '${name}'.`,
): string {
  const found = values.get(name);
  if (found !== undefined) return found;
  for (const [node, error] of carried) if (node.outputs.includes(name)) throw error;
  return fail(without);
}

function expandWith(graph: Graph, options: ExpandOptions, roles: Roles): Expanded {
  const t = tape(options.training ?? false);
  const values = new Map<string, string>();
  for (const value of graph.inputs) {
    const shape = sampleShape(value, options.inputShapes, graph.inputs);
    values.set(value.name, t.declare(value.name, { dtype: value.dtype, shape, laned: true }));
  }
  for (const [name, tensor] of graph.initializers) {
    const skipped = options.shapesOnly && sizeOf(tensor.shape) > largestConstant;
    const kept = skipped || roles.learnt.has(name) || roles.state.has(name);
    const type: Type = { dtype: tensor.dtype, shape: tensor.shape, laned: false };
    values.set(name, t.declare(name, kept ? type : { ...type, constant: tensor }));
  }
  const carried: Expanded['carried'] = new Map();
  const dtypes = expandNodes(graph, t, values, options.carry ? carried : undefined);
  return { tape: t, values, ...roles, carried, dtypes };
}

/**
 * Writes a second model in front of the one on a tape: in inference form, its weights constants, its inputs values that
 * are there already. `carry`: what cannot be computed is left out.
 * @returns the core values of its own.
 * @throws UserError as `expandModel` does.
 */
export function expandBefore(
  t: Tape,
  graph: Graph,
  inputs: ReadonlyMap<string, string>,
  carry = false,
): Map<string, string> {
  const values = new Map(inputs);
  for (const [name, tensor] of graph.initializers) values.set(name, t.constant(tensor));
  const { training, nodes } = t;
  const start = nodes.length;
  t.training = false;
  expandNodes(graph, t, values, carry ? new Map() : undefined);
  t.training = training;
  const before = nodes.splice(0, start);
  for (const node of before) nodes.push(node);
  return values;
}

/**
 * `carried`: takes the nodes that cannot be computed; without it they are refused.
 * @returns what ONNX says each value is.
 */
function expandNodes(
  graph: Graph,
  t: Tape,
  values: Map<string, string>,
  carried?: Expanded['carried'],
): Map<string, DType> {
  const left = budget();
  const dtypes = new Map<string, DType>(graph.inputs.map(({ name, dtype }) => [name, dtype]));
  for (const [name, { dtype }] of graph.initializers) dtypes.set(name, dtype);
  const known = {
    b: t,
    values,
    dtypes,
    left,
    operatorFor,
    opsetOf: (domain: string) => opsetOf(graph.source, domain),
  };
  const untold = new Map<string, Unsupported>();
  for (const node of graph.nodes) {
    t.layer = nameOf(node);
    const why = carried
      ? hindered(node, t, untold, () => writeNode(node, known))
      : void writeNode(node, known);
    if (!why) continue;
    carried!.set(node, why);
    for (const name of node.outputs) untold.set(name, why);
  }
  t.layer = undefined;
  return dtypes;
}

/** Why a node cannot be computed: by itself, or since something that it reads cannot. Undefined once it is on the tape. */
function hindered(
  node: Node,
  t: Tape,
  untold: ReadonlyMap<string, Unsupported>,
  write: () => void,
): Unsupported | undefined {
  const rests = usedValues(node).find((name) => untold.has(name));
  if (rests !== undefined) return untold.get(rests);
  const start = t.nodes.length;
  try {
    write();
    return undefined;
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    t.nodes.length = start;
    return error;
  }
}

/** What a node is called, by itself or after its first result. */
export const nameOf = ({ name, outputs }: Node): string => name || outputs[0];

type Roles = Pick<Expanded, 'learnt' | 'prunable' | 'state'>;

/** Which initialisers are learnt, prunable, or running statistics, by the operators that are known. */
export function rolesOf(graph: Graph): Roles {
  const learnt = new Map<string, Node>();
  const prunable = new Map<string, Node>();
  const state = new Set<string>();
  const origin = originIn(graph);
  for (const node of graph.nodes) {
    const operator = findOperator(node);
    if (!operator) continue;
    const mark = (indices: readonly number[], into: Map<string, Node>) => {
      for (const index of indices) {
        const name = origin(node.inputs[index] ?? '');
        const tensor = name === undefined ? undefined : graph.initializers.get(name);
        if (name === undefined || !tensor || !isFloat(tensor.dtype) || into.has(name)) continue;
        if (operator.learnable?.(tensor.shape, index) ?? true) into.set(name, node);
      }
    };
    mark(learntInputs(operator), learnt);
    mark(inputsThatAre(operator, 'weight'), prunable);
    for (const index of inputsThatAre(operator, 'statistic')) {
      if (graph.initializers.has(node.inputs[index])) state.add(node.inputs[index]);
    }
  }
  for (const name of state) learnt.delete(name);
  return { learnt, prunable, state };
}

/**
 * The shape of one sample, as `inputShapes` says or as declared: the batch dimension stands as 1 where it is open.
 * @param inputs all inputs of the model, so that what is refused says in one sentence everything that is to be given.
 */
export function sampleShape(
  value: Value,
  inputShapes?: Readonly<Record<string, readonly number[]>>,
  inputs: readonly Value[] = [value],
): number[] {
  const { name } = value;
  const declared = own(inputShapes, name) ?? value.shape;
  const example = () => `e.g. --input-shape ${exampleShapes(inputs, inputShapes)}`;
  if (!declared) return fail(`Input '${name}' declares no shape; give one, ${example()}.`);
  return declared.map((dim, axis) => {
    if (isSettled(dim)) return dim;
    if (axis === 0) return 1;
    const where = `its dimension ${axis}${dim ? ` ('${dim}')` : ''}`;
    return fail(`Input '${name}' leaves ${where} open; give its shape, ${example()}.`);
  });
}

const isSettled = (dim: number | string | undefined): dim is number => typeof dim === 'number' && dim > 0;

/** What could be given for all inputs whose shapes are open and not given yet, as `--input-shape` takes it. */
function exampleShapes(
  inputs: readonly Value[],
  inputShapes: Readonly<Record<string, readonly number[]>> = {},
): string {
  const batches = new Set(inputs.map(({ shape }) => shape?.[0]).filter((dim) => typeof dim === 'string'));
  const given = Object.entries(inputShapes).map(([name, shape]) => `${name}=${shape}`);
  const wanted = inputs
    .filter(
      ({ name, shape }) =>
        !own(inputShapes, name) && !shape?.every((dim, axis) => axis === 0 || isSettled(dim)),
    )
    .map((value) => `${value.name}=${exampleShape(value, batches)}`);
  const all = [...given, ...wanted].join(' ');
  return given.length + wanted.length > 1 ? `'${all}'` : all;
}

/** A shape that an input may have: its own where it declares one, with usual sizes of images or sequences where it is open. */
function exampleShape({ dtype, shape }: Value, batches: ReadonlySet<number | string | undefined>): number[] {
  const image = isFloat(dtype) && (shape ?? [0, 0, 0, 0]).length === 4;
  const usual = image ? [1, 3, 224, 224] : (shape ?? [0, 0]).map((_, axis) => (axis === 0 ? 1 : 16));
  return usual.map((size, axis) => {
    const declared = shape?.[axis];
    if (batches.has(declared)) return 1;
    return isSettled(declared) ? declared : size;
  });
}
