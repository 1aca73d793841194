/**
 * What stands at removed positions while they are only masked.
 *
 * In a masked network the parameters of a removed unit are 0 (where they are stored as integers, what stands for 0), and in the shrunk one its positions do not exist. Both compute
 * the same if, wherever positions are summed over, removed ones add nothing: one factor of the product is 0 there, and the
 * other is a number. Weights are 0; what data holds follows forward from them, axis by axis: `Relu(0)` is 0, `Sigmoid(0)` is
 * ½, a product with 0 is 0, 0/0 is no number (a filter divided by its own norm), nor is anything made of that. A *level* is
 * the number at removed positions of an axis, where it is always the same; undefined where it depends on other data. What an
 * element-wise formula makes of levels is proved from the formula (graph/ranges.ts), whose steps are taken for numbers where data
 * decides: a network that divides by 0 gives no answers, masked or not.
 */
import {
  type CoreName,
  type CoreNode,
  type CoreOptions,
  constantOf,
  describe,
  type Type,
} from '../../graph/index.js';
import { runs } from './blocks.js';
import type { Coupling } from './couple.js';
import { noughtsOf } from './dequantized.js';

export type Level = number | undefined;
type Levels = readonly Level[];

/** Freezes the axes that are summed over although removed positions might add to the sum. */
export function checkSums({ walk, atoms, labels }: Coupling): void {
  const { tape: t, graph, steps } = walk;
  const known = new Map<string, Levels>();
  const noughts = noughtsOf(graph);
  for (const [name, { shape }] of graph.initializers) {
    if (!t.type(name).constant)
      known.set(
        name,
        shape.map(() => 0),
      );
  }
  const live = (core: string, axis: number) =>
    labels(core)[axis].some((atom) => atoms.reason(atom) === undefined);
  const of = (core: string): Levels => known.get(core) ?? t.type(core).shape.map(() => undefined);
  for (const step of steps) {
    const freeze = (core: string, axis: number) =>
      atoms.freeze(
        labels(core).at(axis)!,
        `its positions are summed over by ${describe(step.node)}, where they would not be 0 without their weights`,
      );
    const check = (node: CoreNode) => {
      for (const [a, i, b, j] of sums(node)) if (!vanishes(of(a).at(i), of(b).at(j))) freeze(a, i);
      for (const [a, i] of plainSums(node)) if (live(a, i) && of(a)[i] !== 0) freeze(a, i);
    };
    follow(t.nodes.slice(step.from, step.to), { known, of, type: t.type, live, check });
    const [weight, made] = [step.node.inputs[0], step.outputs[0]];
    if (step.operator?.roles?.[0]?.is === 'integers' && made !== undefined && noughts.has(weight))
      known.set(
        made,
        t.type(made).shape.map(() => 0),
      );
  }
}

interface Followed extends Around {
  known: Map<string, Levels>;
  /** Looks at a node before its results are known. */
  check(node: CoreNode): void;
}

function follow(nodes: readonly CoreNode[], around: Followed): void {
  for (const node of nodes) {
    around.check(node);
    if (node.op === 'scan') followLoop(node as CoreNode<'scan'>, around);
    else {
      const levels = levelsOf(node, around);
      for (const output of node.outputs) around.known.set(output, levels);
    }
  }
}

/** A state is what it is before every moment: a number only where that is the one before the first, too. */
function followLoop({ inputs, outputs, options }: CoreNode<'scan'>, around: Followed): void {
  const { states, items, whole, gives, nodes } = options;
  const { known, of, check } = around;
  states.forEach(({ name }, k) => {
    known.set(name, of(inputs[k]));
  });
  items.forEach((name, k) => {
    known.set(name, of(inputs[states.length + k]).slice(1));
  });
  whole.forEach((name, k) => {
    known.set(name, of(inputs[states.length + items.length + k]));
  });
  for (let settled = false; !settled; ) {
    follow(nodes, { ...around, check: () => {} });
    settled = true;
    for (const { name, next } of states) {
      const both = of(name).map((level, axis) => merged([level, of(next)[axis]]));
      if (both.every((level, axis) => Object.is(level, of(name)[axis]))) continue;
      known.set(name, both);
      settled = false;
    }
  }
  follow(nodes, { ...around, check });
  states.forEach(({ name }, k) => {
    known.set(outputs[k], [undefined, ...of(name)]);
  });
  gives.forEach((name, k) => {
    known.set(outputs[states.length + k], [undefined, ...of(name)]);
  });
}

/** Whether a·b adds nothing: one is 0 and the other, where it is known, a number. */
const vanishes = (a: Level, b: Level): boolean =>
  (a === 0 && (b === undefined || Number.isFinite(b))) ||
  (b === 0 && (a === undefined || Number.isFinite(a)));

/** Axes that an operator sums a product over: axis i of a with axis j of b. */
function sums({ op, inputs: [a, b], options }: CoreNode): [string, number, string, number][] {
  if (op === 'conv') return [[a, 1, b, 1]];
  if (op === 'convInput') return (options as CoreOptions['convInput']).groups === 1 ? [[a, 1, b, 0]] : [];
  return op === 'matmul' ? [[a, -1, b, -2]] : [];
}

/** Axes that an operator sums over as they are. */
function plainSums({ op, inputs: [a], options }: CoreNode): [string, number][] {
  if (op !== 'reduce') return [];
  const { how, axes } = options as CoreOptions['reduce'];
  return how === 'sum' ? axes.map((axis) => [a, axis]) : [];
}

/** What several have in common; one that is no number stays that among others. */
const merged = (levels: readonly Level[]): Level => {
  if (levels.some(Number.isNaN)) return Number.NaN;
  return levels.every((level) => Object.is(level, levels[0])) ? levels[0] : undefined;
};

/** What a sum of products with it is: 0, no number where it is none or infinite, or else anything. */
const ifZero = (level: Level): Level => {
  if (level === 0 || level === undefined) return level;
  return Number.isFinite(level) ? undefined : Number.NaN;
};

/** What a rule works with. */
interface Around {
  of(core: string): Levels;
  type(core: string): Type;
  /** Whether positions of an axis may go. */
  live(core: string, axis: number): boolean;
}

/** Levels of the results, by axis. */
type Rule<Name extends CoreName> = (node: CoreNode<Name>, around: Around) => Levels;

const levelsOf = (node: CoreNode, around: Around): Levels =>
  (rules[node.op as Exclude<CoreName, 'scan'>] as Rule<CoreName>)(node, around);

/** The elements stay what they are, and on their axes. */
const kept = ({ inputs: [x] }: CoreNode, { of }: Around): Levels => of(x);

/** Sums along one axis, as often as there are positions: 0 stays 0. */
const summed = ({ inputs: [x] }: CoreNode, { of }: Around): Levels => of(x).map(ifZero);

/** Nothing is known: what is summed over them later freezes its axes. */
const unknown = ({ outputs: [y] }: CoreNode, { type }: Around): Levels => type(y).shape.map(() => undefined);

/** Operators of training, which no walk meets. */
const never = ({ op }: CoreNode): never => {
  throw new Error(`${op} does not stand in a graph for inference`);
};

const rules: { [Name in Exclude<CoreName, 'scan'>]: Rule<Name> } = {
  elementwise(node, around) {
    const { shape } = around.type(node.outputs[0]);
    return shape.map((size, axis) => elementwiseLevel(node, axis - shape.length, size, around));
  },
  conv({ inputs: [x, w, offsets] }, { of }) {
    const [batch, , ...image] = of(x);
    const bias = offsets ? of(offsets)[0] : 0;
    const through = (level: Level) => (offsets ? undefined : ifZero(level));
    const out = ifZero(of(w)[0]);
    return [through(batch), out === 0 ? bias : out, ...image.map(through)];
  },
  convInput({ inputs: [x, w] }, { of }) {
    const [batch, , ...image] = of(x);
    return [ifZero(batch), ifZero(of(w)[1]), ...image.map(ifZero)];
  },
  matmul({ inputs: [x, w] }, { of }) {
    const [a, b] = [of(x), of(w)];
    const lead = a.slice(0, -2).map((level, i) => (vanishes(level, b[i]) ? 0 : undefined));
    return [...lead, ifZero(a[a.length - 2]), ifZero(b[b.length - 1])];
  },
  transpose: ({ inputs: [x], options }, { of }) => options.order.map((axis) => of(x)[axis]),
  reshape({ inputs: [x], outputs: [y] }, { of, type, live }) {
    return reshapedLevels(of(x), type(x).shape, type(y).shape, (axis) => live(x, axis));
  },
  slice: kept,
  pad: ({ inputs: [x], options }, { of }) => of(x).map((level) => merged([level, options.value])),
  concat({ inputs, outputs: [y] }, { of, type }) {
    return type(y).shape.map((_, axis) => merged(inputs.map((name) => of(name)[axis])));
  },
  expand({ inputs: [x], outputs: [y] }, { of, type }) {
    const { shape } = type(y);
    return of(x).map((level, axis) => (type(x).shape[axis] === shape[axis] ? level : undefined));
  },
  reduce: (node, around) => (node.options.how === 'max' ? kept : summed)(node, around),
  /** The largest of a window of equal numbers is that number; which tap won is not asked. */
  maxPool: kept,
  positions: summed,
  gather: ({ inputs: [table] }, { of }) => [undefined, of(table)[1]],
  uniform: unknown,
  convWeight: never,
  maxPoolInput: never,
  normalize: never,
  normalizeInput: never,
  scatterSum: never,
  crossEntropy: never,
};

/** `axis` counts from the end. */
function elementwiseLevel(
  node: CoreNode<'elementwise'>,
  axis: number,
  size: number,
  { of, type }: Around,
): Level {
  const levels = node.inputs.map(
    (name): Level => (type(name).shape.at(axis) === size ? of(name).at(axis) : undefined),
  );
  if (levels.every((level) => level === undefined)) return undefined;
  return constantOf(node.options.expression, levels, { finite: true });
}

/** An axis of a regrouped block holds what the block's live axes held, if that is the same. */
function reshapedLevels(
  levels: Levels,
  from: readonly number[],
  to: readonly number[],
  live: (axis: number) => boolean,
): Levels {
  const result: Level[] = to.map(() => undefined);
  if (to.includes(0)) return result;
  for (const [ins, outs] of runs(from, to)) {
    for (const out of outs) result[out] = merged(ins.filter(live).map((axis) => levels[axis]));
  }
  return result;
}
