/**
 * Fusion: element-wise nodes dissolve into the element-wise nodes and reductions that use them, so that a chain costs
 * one pass over memory; reductions over the same space that stand together share a pass.
 *
 * A node dissolves when all its users can take it in, and either it has one user, or it is small enough that computing
 * it again costs less than writing and reading it. What is stored nevertheless is computed again by passes that read all it
 * comes from anyway: so ReLU's gate in BatchNorm's gradient comes from BatchNorm's input.
 */
import {
  type CoreNode,
  type Expression,
  type FunctionName,
  input,
  lengthOf,
  substitute,
  type Type,
} from '../../graph/index.js';
import { sizeOf } from '../../onnx/index.js';
import { MAP_OPERANDS, MAP_RESULTS } from './contract.js';
import { compileExpressions } from './instructions.js';

export interface Formula {
  expression: Expression;
  operands: string[];
}

/** One pass: element-wise stores or reductions over the same iteration space and the same operands. */
export interface Pass {
  shape: readonly number[];
  operands: string[];
  results: { expression: Expression; how: 'store' | 'sum' | 'max'; output: string; across: boolean }[];
}

export type Unit = { pass: Pass } | { node: CoreNode };

/** A formula written out, at most: sums of a value with itself double it at every node. */
const MOST_LENGTH = 512;
/** A node with several users dissolves into at most so many, reading at most so many operands of its own size. */
const MOST_COPIES = 3;
const COPY_OPERANDS = 3;
const costly = new Set<FunctionName>([
  'exp',
  'log',
  'tanh',
  'sigmoid',
  'erf',
  'pow',
  'sqrt',
  'div',
  'sin',
  'cos',
]);

/**
 * Groups nodes into passes and single nodes, in an order that respects dependencies.
 * @param kept values that must exist in memory: the program's outputs.
 */
export function fuse(
  nodes: readonly CoreNode[],
  type: (name: string) => Type,
  kept: ReadonlySet<string>,
): Unit[] {
  const users = new Map<string, CoreNode[]>();
  for (const node of nodes)
    for (const name of new Set(node.inputs)) {
      const others = users.get(name);
      if (others) others.push(node);
      else users.set(name, [node]);
    }
  return computeAgain(share(unitsOf(nodes, { users, type, kept }), type), type);
}

interface Known {
  users: ReadonlyMap<string, CoreNode[]>;
  type: (name: string) => Type;
  kept: ReadonlySet<string>;
}

/** How often a node is looked at, on average, before nothing is fused any more. */
const MOST_LOOKS = 32;

/**
 * Goes through the nodes in order. Where a node is too much with what it takes in, one of those must exist in memory after all,
 * and it goes on from there.
 */
function unitsOf(nodes: readonly CoreNode[], known: Known): Unit[] {
  const { type } = known;
  const formulas = new Map<string, Formula & { at: number }>();
  const solid = new Set<string>();
  /** Of every node its unit, none where it has dissolved. */
  const units: (Unit | undefined)[] = [];
  let looks = MOST_LOOKS * nodes.length;
  for (let at = 0; at < nodes.length; at++) {
    const node = nodes[at];
    if (!isMappable(node)) {
      units[at] = { node };
      continue;
    }
    const made = takeIn(node, formulas, type);
    const dissolved = !made || isTooMuch(made) ? node.inputs.find((name) => formulas.has(name)) : undefined;
    if (dissolved !== undefined) {
      solid.add(dissolved);
      const { at: back } = formulas.get(dissolved)!;
      looks -= at - back;
      const from = looks > 0 ? back : 0;
      for (let i = from; i < at; i++) formulas.delete(nodes[i].outputs[0]);
      at = from - 1;
      continue;
    }
    const [output] = node.outputs;
    const free = looks > 0 && node.op === 'elementwise' && !known.kept.has(output) && !solid.has(output);
    if (free && dissolves(node, made!, known.users, type)) {
      formulas.set(output, { ...made!, at });
      units[at] = undefined;
    } else units[at] = { pass: passOf(node, made!, type) };
  }
  return units.filter((unit) => unit !== undefined);
}

const isTooMuch = ({ expression, operands }: Formula): boolean =>
  operands.length > MAP_OPERANDS || !compileExpressions([expression], operands.length);

function passOf(node: CoreNode, { expression, operands }: Formula, type: Known['type']): Pass {
  const [output] = node.outputs;
  const how = node.op === 'elementwise' ? 'store' : (node as CoreNode<'reduce'>).options.how;
  const across = node.op === 'reduce' && (node as CoreNode<'reduce'>).options.across === true;
  const { shape } = type(node.op === 'reduce' ? node.inputs[0] : output);
  return { shape, operands, results: [{ expression, how, output, across }] };
}

const isMappable = (node: CoreNode) => node.op === 'elementwise' || node.op === 'reduce';

/** The node's formula with what it uses of dissolved nodes written out; undefined where that would be too long. */
function takeIn(
  node: CoreNode,
  formulas: ReadonlyMap<string, Formula>,
  type: (name: string) => Type,
): Formula | undefined {
  const operands: string[] = [];
  const operand = (name: string): Expression => {
    const found = formulas.get(name);
    if (found) return substitute(found.expression, (k) => operand(found.operands[k]));
    const { constant } = type(name);
    if (constant && constant.data.length === 1) return Number(constant.data[0]);
    if (!operands.includes(name)) operands.push(name);
    return input(operands.indexOf(name));
  };
  const own: Expression =
    node.op === 'elementwise' ? (node as CoreNode<'elementwise'>).options.expression : input(0);
  const taken = (name: string): number => {
    const found = formulas.get(name);
    return found ? lengthOf(found.expression, (k) => taken(found.operands[k])) : 1;
  };
  const some = node.inputs.some((name) => formulas.has(name));
  if (some && lengthOf(own, (k) => taken(node.inputs[k])) > MOST_LENGTH) return undefined;
  return { expression: substitute(own, (k) => operand(node.inputs[k])), operands };
}

function dissolves(
  node: CoreNode,
  made: Formula,
  users: ReadonlyMap<string, CoreNode[]>,
  type: (name: string) => Type,
): boolean {
  const [output] = node.outputs;
  const mine = users.get(output) ?? [];
  if (mine.length === 0 || !mine.every(isMappable)) return false;
  const size = sizeOf(type(output).shape);
  const same = mine.every((user) => {
    const space = type(user.op === 'reduce' ? user.inputs[0] : user.outputs[0]);
    return sizeOf(space.shape) === size && space.laned === type(output).laned;
  });
  if (!same) return false;
  return (
    mine.length === 1 ||
    (mine.length <= MOST_COPIES &&
      made.operands.filter(largeAs(output, type)).length <= COPY_OPERANDS &&
      !isCostly(made.expression))
  );
}

/** Whether a value has as many elements as `name`, for as many samples: reading it takes as much of memory. */
const largeAs = (name: string, type: (name: string) => Type) => {
  const { shape, laned } = type(name);
  return (other: string): boolean =>
    type(other).laned === laned && sizeOf(type(other).shape) === sizeOf(shape);
};

const isCostly = (e: Expression): boolean =>
  typeof e === 'object' && 'f' in e && (costly.has(e.f) || e.of.some(isCostly));

/** Joins neighbouring reductions of the same space, axes and lanes into one pass. */
function share(units: readonly Unit[], type: (name: string) => Type): Unit[] {
  const shared: Unit[] = [];
  for (const unit of units) {
    const last = shared.at(-1);
    const joined = last && 'pass' in last && 'pass' in unit ? join(last.pass, unit.pass, type) : undefined;
    if (joined) shared[shared.length - 1] = { pass: joined };
    else shared.push(unit);
  }
  return shared;
}

function join(a: Pass, b: Pass, type: (name: string) => Type): Pass | undefined {
  const [first] = a.results;
  const [more] = b.results;
  if (
    first.how === 'store' ||
    first.how !== more.how ||
    first.across !== more.across ||
    a.results.length >= MAP_RESULTS
  )
    return undefined;
  const [one, other] = [type(first.output), type(more.output)];
  if (`${one.shape}` !== `${other.shape}` || one.laned !== other.laned) return undefined;
  if (`${a.shape}` !== `${b.shape}` || b.operands.some((name) => a.results.some((r) => r.output === name)))
    return undefined;
  const operands = [...new Set([...a.operands, ...b.operands])];
  const moved = substitute(more.expression, (k) => input(operands.indexOf(b.operands[k])));
  const results = [...a.results, { ...more, expression: moved }];
  if (
    operands.length > MAP_OPERANDS ||
    !compileExpressions(
      results.map((r) => r.expression),
      operands.length,
    )
  )
    return undefined;
  return { shape: a.shape, operands, results };
}

/** Lets passes compute stored values again rather than read them, where all they come from is read anyway. */
function computeAgain(units: readonly Unit[], type: (name: string) => Type): Unit[] {
  const stored = new Map<string, Formula>();
  for (const unit of units)
    if ('pass' in unit && unit.pass.results[0].how === 'store') {
      const { results, operands } = unit.pass;
      const [{ output, expression }] = results;
      if (!isCostly(expression)) stored.set(output, { expression, operands });
    }
  return units.map((unit) => ('pass' in unit ? { pass: withoutReading(unit.pass, stored, type) } : unit));
}

function withoutReading(
  pass: Pass,
  stored: ReadonlyMap<string, Formula>,
  type: (name: string) => Type,
): Pass {
  for (const [k, name] of pass.operands.entries()) {
    const found = stored.get(name);
    if (!found || sizeOf(type(name).shape) !== sizeOf(pass.shape)) continue;
    const others = pass.operands.filter((other) => other !== name);
    const sources = found.operands.filter(largeAs(name, type));
    if (sources.length === 0 || !sources.every((source) => others.includes(source))) continue;
    const operands = [...new Set([...others, ...found.operands])];
    const at = (operand: string) => input(operands.indexOf(operand));
    const again = substitute(found.expression, (i) => at(found.operands[i]));
    const results = pass.results.map((result) => ({
      ...result,
      expression: substitute(result.expression, (i) => (i === k ? again : at(pass.operands[i]))),
    }));
    if (
      operands.length <= MAP_OPERANDS &&
      compileExpressions(
        results.map((r) => r.expression),
        operands.length,
      )
    )
      return withoutReading({ ...pass, operands, results }, stored, type);
  }
  return pass;
}
