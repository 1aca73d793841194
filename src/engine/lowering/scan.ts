/**
 * A loop: its body is lowered for the first moment and for the second, and whatever differs between the two (the line of an item, of a
 * state) is what the program adds from round to round. Steps that come to the same in every round are done once, before the loop.
 */
import type { CoreNode } from '../../graph/index.js';
import { sizeOf } from '../../onnx/index.js';
import type { Move } from './calls.js';
import { namedWords } from './layout.js';
import { lowerCopy } from './map.js';
import { type Buffer, LANES, type Place, rowMajor, type Word } from './place.js';
import { fresh, type LoweredValues, type Lowering, type Step } from './steps.js';

/** Writes the steps of a body, whose `kept` values must exist in memory. */
export type LowerBody = (nodes: readonly CoreNode[], kept: ReadonlySet<string>, v: LoweredValues) => void;

export function lowerScan(l: Lowering, node: CoreNode<'scan'>, v: LoweredValues, lowerBody: LowerBody): void {
  const { length, reverse, states, gives } = node.options;
  const lists = node.outputs.map((name) => freshList(v.type(name)));
  const [first, after] = reverse ? [length, 0] : [0, 1];
  states.forEach((_, k) => {
    lowerCopy(l, v.place(node.inputs[k]), entry(lists[k], first));
  });
  const results = (moment: number): [string, Place][] => [
    ...states.map(({ next }, k): [string, Place] => [next, entry(lists[k], moment + after)]),
    ...gives.map((name, k): [string, Place] => [name, entry(lists[states.length + k], moment)]),
  ];
  const round = bodyOf(l, node, { v, lists, results, lowerBody });
  const moment = (n: number) => (reverse ? length - 1 - n : n);
  const steps = recorded(l, () => round(moment(0)));
  if (length === 1) l.steps.push(...steps);
  else
    repeat(l, {
      steps,
      moves: movesBetween(
        steps,
        recorded(l, () => round(moment(1))),
      ),
      times: length,
    });
  for (const [k, name] of node.outputs.entries()) {
    const wanted = v.destined(name);
    if (wanted) lowerCopy(l, lists[k], wanted);
    v.put(name, wanted ?? lists[k]);
  }
}

interface Around {
  v: LoweredValues;
  /** Of the operator's results. */
  lists: readonly Place[];
  /** Where what a round makes goes. */
  results(moment: number): [string, Place][];
  lowerBody: LowerBody;
}

/** How the steps of a round are written. */
function bodyOf(l: Lowering, node: CoreNode<'scan'>, { v, lists, results, lowerBody }: Around) {
  const { reverse, states, items, whole, nodes } = node.options;
  const itemLists = items.map((_, k) => inLines(l, v.place(node.inputs[states.length + k])));
  whole.forEach((name, k) => {
    v.put(name, v.place(node.inputs[states.length + items.length + k]));
  });
  const made = new Set(nodes.flatMap(({ outputs }) => outputs));
  return (moment: number): void => {
    states.forEach(({ name }, k) => {
      v.put(name, entry(lists[k], moment + (reverse ? 1 : 0)));
    });
    items.forEach((name, k) => {
      v.put(name, entry(itemLists[k], moment));
    });
    const wanted = results(moment);
    const destined = new Map(wanted.toReversed().filter(([name]) => made.has(name)));
    lowerBody(nodes, new Set(wanted.map(([name]) => name)), {
      ...v,
      destined: (name) => destined.get(name),
      mask: () => undefined,
    });
    for (const [name, place] of wanted) {
      const from = v.place(name);
      if (from.buffer !== place.buffer || from.offset !== place.offset) lowerCopy(l, from, place);
    }
  };
}

/** Entry `moment` of a list. */
const entry = ({ buffer, offset, shape, strides }: Place, moment: number): Place => ({
  buffer,
  offset: offset + moment * strides[0],
  shape: shape.slice(1),
  strides: strides.slice(1),
});

/** A new list; entries of plain ones begin at lines, too. */
function freshList({ shape, laned }: { shape: readonly number[]; laned: boolean }): Place {
  if (laned) return fresh(shape, true);
  const size = Math.ceil(sizeOf(shape.slice(1)) / LANES) * LANES;
  const strides = [size, ...rowMajor(shape.slice(1))];
  return { buffer: { laned, size: size * shape[0] }, offset: 0, shape, strides };
}

/** The list with entries that begin at lines: itself, or a copy. */
function inLines(l: Lowering, list: Place): Place {
  if (list.buffer.laned || (list.strides[0] % LANES === 0 && list.offset % LANES === 0)) return list;
  const copy = freshList({ shape: list.shape, laned: false });
  lowerCopy(l, list, copy);
  return copy;
}

/** The steps that are written, taken off the program again. */
function recorded(l: Lowering, write: () => void): Step[] {
  const from = l.steps.length;
  write();
  return l.steps.splice(from);
}

/** What is to be added to the words of each step. */
function movesBetween(first: readonly Step[], second: readonly Step[]): Move[] {
  const alike = new Map<Buffer, Buffer>();
  const must = (holds: boolean) => {
    if (!holds) throw new Error('The rounds of a loop differ in more than places');
  };
  must(first.length === second.length);
  const known = new Set(first.flatMap(({ words }) => words.flatMap((word) => bufferOf(word) ?? [])));
  /** Words that name a buffer: one that both rounds use, or one that each of them has for itself. */
  const sameBuffer = (a: Buffer, b: Buffer): boolean => {
    if (a === b) return true;
    if (!alike.has(b) && !known.has(b)) alike.set(b, a);
    return alike.get(b) === a;
  };
  return first.flatMap(({ kernel, items, words }, step) => {
    const other = second[step];
    must(kernel === other.kernel && items === other.items && words.length === other.words.length);
    return words.flatMap((one, word): Move[] => {
      const by = differenceOf(one, other.words[word], sameBuffer);
      must(by !== undefined);
      return by === 0 ? [] : [{ step, word, by: by! }];
    });
  });
}

const bufferOf = (word: Word): Buffer | undefined =>
  typeof word === 'object' && 'buffer' in word ? word.buffer : undefined;

function differenceOf(a: Word, b: Word, same: (a: Buffer, b: Buffer) => boolean): number | undefined {
  if (typeof a === 'number') return typeof b === 'number' ? b - a : undefined;
  if (typeof b === 'number') return undefined;
  if ('float' in a) return 'float' in b && Object.is(a.float, b.float) ? 0 : undefined;
  return 'buffer' in b && same(a.buffer, b.buffer) ? (b.plus ?? 0) - (a.plus ?? 0) : undefined;
}

interface Repeated {
  steps: readonly Step[];
  moves: readonly Move[];
  times: number;
}

/** Writes the loop, behind those of its steps that come to the same in every round. */
function repeat(l: Lowering, { steps, moves, times }: Repeated): void {
  const once = sameInEveryRound(steps, new Set(moves.map(({ step }) => step)));
  const body = steps.filter((_, i) => !once.has(i));
  const at = new Map(steps.flatMap((_, i) => (once.has(i) ? [] : [i])).map((old, i) => [old, i]));
  l.steps.push(...steps.filter((_, i) => once.has(i)));
  l.call.repeat({ steps: body.length, times, moves: moves.map((m) => ({ ...m, step: at.get(m.step)! })) });
  l.steps[l.steps.length - 1].repeats = body.length;
  l.steps.push(...body);
}

/** Steps that do not move, read nothing that a round writes, and write for themselves. */
function sameInEveryRound(steps: readonly Step[], moving: ReadonlySet<number>): Set<number> {
  const uses = steps.map((step) => {
    const of = (...kinds: string[]) =>
      namedWords(step).flatMap(({ kind, word }) => (kinds.includes(kind) ? (bufferOf(word) ?? []) : []));
    return { reads: of('read', 'update'), writes: of('write', 'update'), updates: of('update').length > 0 };
  });
  const once = new Set(
    steps.flatMap(({ repeats }, i) => (moving.has(i) || uses[i].updates || repeats !== undefined ? [] : [i])),
  );
  for (let left = -1; left !== once.size; ) {
    left = once.size;
    const written = new Set(uses.flatMap(({ writes }, i) => (once.has(i) ? [] : writes)));
    for (const i of once)
      if ([...uses[i].reads, ...uses[i].writes].some((buffer) => written.has(buffer))) once.delete(i);
  }
  return once;
}
