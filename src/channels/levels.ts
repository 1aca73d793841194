/**
 * What stands at removed positions while they are only masked.
 *
 * In a masked network the parameters of a removed unit are 0 (where they are stored as integers, what stands for 0), and in the shrunk one its positions do not exist. Both compute
 * the same if, wherever positions are summed over, removed ones add nothing: one factor of the product is 0 there, and the
 * other is a number. Weights are 0; what data holds follows forward from them, axis by axis: `Relu(0)` is 0, `Sigmoid(0)` is
 * ½, a product with 0 is 0, 0/0 is no number (a filter divided by its own norm), nor is anything made of that. A *level* is
 * the number at removed positions of an axis, where it is always the same; undefined where it depends on other data. An
 * element-wise formula is tried at several random operands for what is not known.
 */
import { random, uniform } from '../base/random.js';
import type { CoreNode, CoreOptions, Type } from '../graph/core.js';
import { evaluate } from '../graph/expression.js';
import { describe } from '../graph/operator.js';
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
    for (const node of t.nodes.slice(step.from, step.to)) {
      for (const [a, i, b, j] of sums(node)) {
        if (!vanishes(of(a).at(i), of(b).at(j))) freeze(a, i);
      }
      for (const [a, i] of plainSums(node)) if (live(a, i) && of(a)[i] !== 0) freeze(a, i);
      const levels = levelsOf(node, of, (name) => t.type(name), live);
      for (const output of node.outputs) known.set(output, levels);
    }
    const [weight, made] = [step.node.inputs[0], step.outputs[0]];
    if (step.node.op === 'DequantizeLinear' && made !== undefined && noughts.has(weight))
      known.set(
        made,
        t.type(made).shape.map(() => 0),
      );
  }
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

/** Levels of a result, by axis. */
function levelsOf(
  node: CoreNode,
  of: (core: string) => Levels,
  type: (core: string) => Type,
  live: (core: string, axis: number) => boolean,
): Levels {
  const [x, w] = node.inputs;
  const shape = type(node.outputs[0]).shape;
  switch (node.op) {
    case 'elementwise':
      return shape.map((size, axis) => elementwiseLevel(node, axis - shape.length, size, of, type));
    case 'conv': {
      const [batch, , ...image] = of(x);
      const bias = node.inputs[2] ? of(node.inputs[2])[0] : 0;
      const kept = (level: Level) => (node.inputs[2] ? undefined : ifZero(level));
      const out = ifZero(of(w)[0]);
      return [kept(batch), out === 0 ? bias : out, ...image.map(kept)];
    }
    case 'convInput': {
      const [batch, , ...image] = of(x);
      return [ifZero(batch), ifZero(of(w)[1]), ...image.map(ifZero)];
    }
    case 'matmul': {
      const [a, b] = [of(x), of(w)];
      const lead = a.slice(0, -2).map((level, i) => (vanishes(level, b[i]) ? 0 : undefined));
      return [...lead, ifZero(a[a.length - 2]), ifZero(b[b.length - 1])];
    }
    case 'transpose':
      return (node.options as CoreOptions['transpose']).order.map((axis) => of(x)[axis]);
    case 'reshape':
      return reshapedLevels(of(x), type(x).shape, shape, (axis) => live(x, axis));
    case 'pad': {
      const { value } = node.options as CoreOptions['pad'];
      return of(x).map((level) => merged([level, value]));
    }
    case 'concat':
      return shape.map((_, axis) => merged(node.inputs.map((name) => of(name)[axis])));
    case 'expand':
      return of(x).map((level, axis) => (type(x).shape[axis] === shape[axis] ? level : undefined));
    case 'reduce':
      return (node.options as CoreOptions['reduce']).how === 'max' ? of(x) : of(x).map(ifZero);
    case 'positions':
      return of(x).map(ifZero);
    case 'gather':
      return [undefined, of(x)[1]];
    default:
      return of(x);
  }
}

/** `axis` counts from the end. */
function elementwiseLevel(
  node: CoreNode,
  axis: number,
  size: number,
  of: (core: string) => Levels,
  type: (core: string) => Type,
): Level {
  const { expression } = node.options as CoreOptions['elementwise'];
  const levels = node.inputs.map(
    (name): Level => (type(name).shape.at(axis) === size ? of(name).at(axis) : undefined),
  );
  if (levels.every((level) => level === undefined)) return undefined;
  const stream = random(0, 'level');
  const draws = Array.from({ length: 6 }, () =>
    evaluate(
      expression,
      levels.map((level) => level ?? 4 * uniform(stream) - 2),
    ),
  );
  return draws.every(
    (value) => value === draws[0] || (Number.isNaN(value) === Number.isNaN(draws[0]) && Number.isNaN(value)),
  )
    ? draws[0]
    : undefined;
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
