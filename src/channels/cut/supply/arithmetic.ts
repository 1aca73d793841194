/** Needs that are met by computing with the value that is there: sizes scaled to the channels that stay, other numbers put in. */
import { isInteger, type Node } from '../../../onnx/index.js';
import { type Plan, unique } from '../plan.js';
import { contentsOf, filled, type Need, numbersOf, type Way } from './need.js';

/** What becomes of one number. */
interface Entry {
  /** The number that is written in its place, where it is the same in every view and not the one that is there. */
  fixed?: number;
  /** Else it is multiplied and divided. */
  times: number;
  over: number;
}

const UNCHANGED: Entry = { times: 1, over: 1 };

/** The value as it is computed now, corrected. */
export const corrected: Way = (need, plan) => {
  const entries = entriesOf(need, plan);
  if (!entries) return undefined;
  const { name } = need;
  const [times, over] = [entries.map((entry) => entry.times), entries.map((entry) => entry.over)];
  const computed = entries.map(({ fixed }) => Number(fixed === undefined));
  return (extra) => {
    const { apply, constant } = writing(need, plan, extra);
    let value = name;
    if (times.some((n) => n !== 1)) value = apply('Mul', [value, constant(times)]);
    if (over.some((n) => n !== 1)) value = apply('Div', [value, constant(over)]);
    if (!computed.includes(0)) return value;
    const values = entries.map(({ fixed = 0 }) => fixed);
    return apply('Where', [constant(computed, 'bool'), value, constant(values)]);
  };
};

/** Ways to write nodes and constants beside a node. */
function writing({ node, input, wanted: [{ dtype, shape }] }: Need, plan: Plan, extra: Node[]) {
  return {
    apply(op: string, inputs: string[]): string {
      const output = unique(`${node.name}.${input}.kept`, plan);
      extra.push({ name: output, op, domain: '', inputs, outputs: [output], attributes: {} });
      return output;
    },
    constant(values: readonly number[], as = dtype): string {
      const label = unique(`${node.name}.${input}`, plan);
      plan.initializers.set(label, filled(as, shape, values));
      return label;
    },
  };
}

/** What becomes of every number of a value; undefined where that cannot be said of one, or not in this opset or type. */
function entriesOf({ name, wanted }: Need, plan: Plan): Entry[] | undefined {
  const found = contentsOf(name, plan);
  const opset = plan.graph.source.opsets[''] ?? 1;
  if (!found || opset < 9 || found.some(({ shape }, view) => shape.join() !== wanted[view].shape.join()))
    return undefined;
  const [asked, have] = [wanted.map(numbersOf), found.map(numbersOf)];
  if (asked.some(({ length }) => length !== asked[0].length)) return undefined;
  const entries = asked[0].map((_, at) =>
    entryOf(
      asked.map((list) => list[at]),
      have.map((list) => list[at]),
    ),
  );
  if (!entries.every((entry) => entry !== undefined)) return undefined;
  const scales = entries.some(({ times, over }) => times !== over);
  return scales && !isInteger(wanted[0].dtype) ? undefined : entries;
}

/** A number that is always the same, or the one that is there now times a fraction; undefined where it is neither. */
function entryOf(asked: readonly number[], have: readonly number[]): Entry | undefined {
  if (asked.every((value) => value === asked[0])) {
    const right = have.every((value) => value === asked[0]);
    return right ? UNCHANGED : { ...UNCHANGED, fixed: asked[0] };
  }
  if (asked.every((value, view) => value === have[view])) return UNCHANGED;
  const [a, b] = [asked[0], have[0]];
  const divisor = greatestCommonDivisor(Math.abs(a), Math.abs(b));
  if (b === 0 || a === 0 || !Number.isInteger(divisor)) return undefined;
  const exact = asked.every((value, view) => value * b === have[view] * a);
  return exact ? { times: a / divisor, over: b / divisor } : undefined;
}

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b);
