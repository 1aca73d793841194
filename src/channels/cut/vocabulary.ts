/**
 * The vocabulary of a language model: the rows of the table that ids choose from, and the outputs with a number for each of them. Rows of tokens that are
 * never used can go, with what is tied to them:
 *
 *     ids → Gather(table) → …  → MatMul(·, tableᵀ or a matrix of its own) → + bias, softmax, … → outputs [.., V]
 *
 * Ids are numbered anew then, in their old order. What would change the meaning of an id unnoticed (a comparison with one, a sum) is refused.
 */
import { fail } from '../../base/index.js';
import { attr, type Graph, isFloat, type Node, sizeOf, type Tensor, usedValues } from '../../onnx/index.js';

export interface Vocabulary {
  /** The table [V, …] that ids choose rows of. */
  table: string;
  /** V. */
  size: number;
  /** Input of the model that holds ids. */
  input: string;
  /** Constants that have an axis of tokens, by name, and that axis. */
  axes: ReadonlyMap<string, number>;
  /** Values whose last axis is that of tokens. */
  values: ReadonlySet<string>;
  /** Outputs of the model among them of which each number may depend on all tokens: behind a softmax. */
  shared: ReadonlySet<string>;
}

/** Operators that hand on ids as they are, in another shape or type. */
const CARRIERS = new Set([
  'Cast',
  'Reshape',
  'Unsqueeze',
  'Squeeze',
  'Identity',
  'Flatten',
  'Transpose',
  'Slice',
]);
/** Operators that take every number by itself. */
const PLAIN = new Set(['Cast', 'Identity', 'Dropout', 'Tanh', 'Sigmoid', 'Exp', 'Log', 'Neg', 'Clip']);
const PAIRED = new Set(['Add', 'Sub', 'Mul', 'Div']);
const SOFTMAX = new Set(['Softmax', 'LogSoftmax']);
/** Operators that choose tokens: what they give is ids. */
const CHOOSING = new Set(['ArgMax', 'TopK']);

/**
 * The vocabulary of a model.
 * @param named the table, where a model has several.
 * @throws UserError where there is none, or tokens cannot go from it: why is said.
 */
export function findVocabulary(graph: Graph, named?: string): Vocabulary {
  const wiring = wiringOf(graph);
  const found = tablesIn(graph, wiring).filter(({ table }) => named === undefined || table === named);
  const [{ table, input, lookups } = { table: '', input: '', lookups: [] }, ...others] = found.toSorted(
    (a, b) => b.size - a.size,
  );
  if (table === '')
    return fail(
      named === undefined
        ? 'The model has no table of tokens: no Gather takes rows of a weight by the whole numbers of an input.'
        : `${named} is not a table of tokens, since no Gather takes its rows by the ids of an input: leave --embedding out to take the largest one.`,
    );
  if (others.some(({ input: of, size }) => of === input && size === graph.initializers.get(table)!.shape[0]))
    fail(
      `Two tables of as many rows are read by the ids of '${input}': name the one of tokens with --embedding.`,
    );
  refuseOtherUses(wiring, input, new Set(lookups));
  const size = graph.initializers.get(table)!.shape[0];
  const axes = new Map([[table, 0]]);
  const values = new Set<string>();
  const shared = new Set<string>();
  for (const { result, weights } of headsOf(graph, wiring, { table, lookups, size })) {
    const trace = follow(graph, wiring, result, size);
    const tied = weights.some(([name]) => name === table);
    if (typeof trace === 'string') {
      if (tied) fail(`Tokens cannot be removed: ${trace}.`);
      continue;
    }
    for (const [name, axis] of [...weights, ...trace.constants]) axes.set(name, axis);
    for (const name of trace.values) values.add(name);
    for (const name of trace.shared) shared.add(name);
  }
  refuseSharedConstants(wiring, axes, values, new Set(lookups));
  return { table, size, input, axes, values, shared };
}

interface Wiring {
  maker: ReadonlyMap<string, Node>;
  users: ReadonlyMap<string, readonly Node[]>;
  inputs: ReadonlySet<string>;
  outputs: ReadonlySet<string>;
}

function wiringOf(graph: Graph): Wiring {
  const users = new Map<string, Node[]>();
  for (const node of graph.nodes)
    for (const name of new Set(usedValues(node))) users.set(name, [...(users.get(name) ?? []), node]);
  return {
    maker: new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const))),
    users,
    inputs: new Set(graph.inputs.map(({ name }) => name)),
    outputs: new Set(graph.outputs.map(({ name }) => name)),
  };
}

interface Table {
  table: string;
  size: number;
  input: string;
  lookups: Node[];
}

/** Weights of two axes or more whose rows an input chooses. */
function tablesIn({ nodes, initializers }: Graph, wiring: Wiring): Table[] {
  const tables = new Map<string, Table>();
  for (const node of nodes) {
    const [table, ids] = node.inputs;
    const tensor = initializers.get(table);
    if (node.op !== 'Gather' || node.domain !== '' || !tensor || tensor.shape.length < 2) continue;
    if (attr.int(node, 'axis', 0) !== 0 || !isFloat(tensor.dtype)) continue;
    const input = sourceOf(wiring, ids);
    if (input === undefined) continue;
    const known = tables.get(table);
    if (known && known.input !== input) continue;
    tables.set(table, {
      ...{ table, input, size: tensor.shape[0] },
      lookups: [...(known?.lookups ?? []), node],
    });
  }
  return [...tables.values()];
}

/** The input that a value is, but for its shape and type. */
function sourceOf({ maker, inputs }: Wiring, value: string): string | undefined {
  for (let name = value; ; ) {
    if (inputs.has(name)) return name;
    const node = maker.get(name);
    if (node?.domain !== '' || !CARRIERS.has(node.op)) return undefined;
    name = node.inputs[0];
  }
}

/** @throws UserError where the ids are read by anything but the lookups. */
function refuseOtherUses({ users, outputs }: Wiring, input: string, lookups: ReadonlySet<Node>): void {
  const open = [input];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (outputs.has(name))
      fail(`Tokens cannot be removed: the ids of '${input}' are an output of the model, '${name}', as well.`);
    for (const node of users.get(name) ?? []) {
      if (lookups.has(node) || (node.op === 'Shape' && node.domain === '')) continue;
      if (node.domain === '' && CARRIERS.has(node.op) && node.inputs[0] === name) open.push(...node.outputs);
      else
        fail(
          `Tokens cannot be removed: ${node.op} (${node.name}) reads the ids of '${input}' as well, and would not know the new ones.`,
        );
    }
  }
}

/** A product that has a number for each token, and its weights with their axes of tokens. */
interface Head {
  result: string;
  weights: [string, number][];
}

function headsOf(
  { nodes, initializers }: Graph,
  { users, maker }: Wiring,
  { table, lookups, size }: Pick<Table, 'table' | 'lookups' | 'size'>,
): Head[] {
  const tied = new Set<string>([table]);
  for (const node of users.get(table) ?? []) {
    if (lookups.includes(node) || (node.op === 'Gemm' && node.inputs[1] === table)) continue;
    if (node.op !== 'Transpose' || `${attr.ints(node, 'perm', [1, 0])}` !== '1,0')
      fail(`Tokens cannot be removed: ${node.op} (${node.name}) reads the table ${table} as well.`);
    tied.add(node.outputs[0]);
  }
  const tensorOf = (name: string): Tensor | undefined => {
    const node = maker.get(name);
    return initializers.get(node && tied.has(name) ? node.inputs[0] : name);
  };
  return nodes.flatMap((node): Head[] => {
    const [, weight, bias] = node.inputs;
    if (node.domain !== '' || (node.op !== 'MatMul' && node.op !== 'Gemm')) return [];
    const tensor = tensorOf(weight);
    if (tensor?.shape.length !== 2) return [];
    const own = initializers.has(weight);
    const turned = node.op === 'Gemm' && attr.int(node, 'transB', 0) !== 0;
    const axis = own ? (turned ? 0 : 1) : 0;
    if (tensor.shape[axis] !== size) return [];
    const name = own ? weight : table;
    const weights: [string, number][] = [[name, axis]];
    const shape = initializers.get(bias)?.shape;
    if (shape && shape[shape.length - 1] === size) weights.push([bias, shape.length - 1]);
    return [{ result: node.outputs[0], weights }];
  });
}

interface Trace {
  values: Set<string>;
  shared: Set<string>;
  constants: [string, number][];
}

/** Where values with an axis of tokens go. @returns why they cannot be followed, where they cannot. */
function follow(
  { initializers }: Graph,
  { users, outputs }: Wiring,
  from: string,
  size: number,
): Trace | string {
  const trace: Trace = { values: new Set(), shared: new Set(), constants: [] };
  const open: { name: string; mixed: boolean }[] = [{ name: from, mixed: false }];
  let ends = 0;
  for (let next = open.pop(); next; next = open.pop()) {
    const { name, mixed } = next;
    if (trace.values.has(name)) continue;
    trace.values.add(name);
    if (outputs.has(name)) {
      ends++;
      if (mixed) trace.shared.add(name);
    }
    for (const node of users.get(name) ?? []) {
      const [result] = node.outputs;
      if (node.domain === '' && CHOOSING.has(node.op)) ends++;
      else if (node.domain === '' && PLAIN.has(node.op)) open.push({ name: result, mixed });
      else if (node.domain === '' && SOFTMAX.has(node.op)) open.push({ name: result, mixed: true });
      else if (node.domain === '' && PAIRED.has(node.op)) {
        const other = initializers.get(node.inputs.find((input) => input !== name) ?? '');
        const last = other?.shape[other.shape.length - 1] ?? 1;
        if (!other || (sizeOf(other.shape) !== 1 && last !== size))
          return `${node.op} (${node.name}) joins the scores of tokens with another value`;
        if (last === size && size !== 1)
          trace.constants.push([node.inputs.find((input) => input !== name)!, other.shape.length - 1]);
        open.push({ name: result, mixed });
      } else return `${node.op} (${node.name}) reads the scores of tokens`;
    }
  }
  return ends > 0 ? trace : 'nothing reads the scores of tokens';
}

/** @throws UserError where a constant that loses tokens is read in another place, too. */
function refuseSharedConstants(
  { users, maker }: Wiring,
  axes: ReadonlyMap<string, number>,
  values: ReadonlySet<string>,
  lookups: ReadonlySet<Node>,
): void {
  const known = (node: Node): boolean =>
    lookups.has(node) ||
    values.has(node.outputs[0]) ||
    (node.op === 'Transpose' &&
      (users.get(node.outputs[0]) ?? []).every((user) => values.has(user.outputs[0])));
  for (const name of axes.keys()) {
    const foreign = (users.get(name) ?? []).find((node) => !known(node));
    if (foreign) fail(`Tokens cannot be removed: ${foreign.op} (${foreign.name}) reads ${name} as well.`);
    if (maker.has(name)) fail(`Tokens cannot be removed: ${name} is computed.`);
  }
}

/**
 * The model with some tokens only, numbered anew in the order in which they are given.
 * @throws UserError where an id is none of the vocabulary, or there twice.
 */
export function keepTokens(graph: Graph, vocabulary: Vocabulary, kept: readonly number[]): Graph {
  const { size, axes, values } = vocabulary;
  if (kept.length === 0) fail('No token is kept: give at least one id.');
  const wrong = kept.find((id) => !(Number.isInteger(id) && id >= 0 && id < size));
  if (wrong !== undefined)
    fail(`${wrong} is not an id: the model has ${size} tokens, from 0 to ${size - 1}.`);
  if (new Set(kept).size < kept.length) fail('An id is given twice; name each token once.');
  const initializers = new Map(graph.initializers);
  for (const [name, axis] of axes) initializers.set(name, rowsOf(initializers.get(name)!, axis, kept));
  const shorter = (value: Graph['outputs'][number]) =>
    values.has(value.name) && value.shape
      ? { ...value, shape: [...value.shape.slice(0, -1), kept.length] }
      : value;
  const declared = new Map([...graph.declared].map(([name, value]) => [name, shorter(value)]));
  for (const node of graph.nodes)
    if (node.op === 'Transpose' && axes.has(node.inputs[0])) declared.delete(node.outputs[0]);
  return { ...graph, initializers, declared, outputs: graph.outputs.map(shorter) };
}

/** A tensor with some positions of an axis. */
function rowsOf(tensor: Tensor, axis: number, kept: readonly number[]): Tensor {
  const { shape, data } = tensor;
  const inner = sizeOf(shape.slice(axis + 1));
  const outer = sizeOf(shape.slice(0, axis));
  const source = data as Float32Array;
  const made = new (source.constructor as Float32ArrayConstructor)(outer * kept.length * inner);
  for (let o = 0; o < outer; o++)
    for (const [k, id] of kept.entries()) {
      const from = (o * shape[axis] + id) * inner;
      made.set(source.subarray(from, from + inner), (o * kept.length + k) * inner);
    }
  return { ...tensor, shape: shape.map((n, i) => (i === axis ? kept.length : n)), data: made };
}
