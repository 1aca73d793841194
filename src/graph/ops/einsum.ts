/**
 * Einsum: sums of products, told by letters. Operands are taken in from left to right, two at a time: letters that neither the
 * result nor a later operand has are summed over. Of two operands' letters, those of both that stay are batches, those of
 * both that go are the inner axis of a matrix product, and the others its rows and columns; so weights become convolutions
 * with a window of one as MatMul's do.
 */

import { fail } from '../../base/index.js';
import { attr, type Node, sizeOf } from '../../onnx/index.js';
import type { Build } from '../core.js';
import { call, input } from '../expression.js';
import { describe, type Operator, type Site } from '../operator.js';
import type { InputRole } from '../roles.js';
import { define } from './define.js';
import { mul } from './elementwise.js';
import { constant, expand, pointwise, range, reduce, reshape, transpose } from './emit.js';
import { multiply } from './matmul.js';

/** A letter, or '.k' for the k-th axis from the end of what '...' stands for. */
type Label = string;

interface Equation {
  /** Of every operand, what its axes are called. */
  terms: Label[][];
  result: Label[];
  sizes: Map<Label, number>;
}

/** A value whose axes have names, all different. */
interface Named {
  name: string;
  labels: Label[];
}

/** More operands than anyone writes. */
const MOST_OPERANDS = 16;

/** Which axis counts outputs is written in the equation. */
const factor: InputRole = { is: 'weight', outputAxis: (node, operand) => outputAxisOfEinsum(node, operand) };

const einsum: Operator = define({
  takes: 'N+ -> 1',
  check: equationOf,
  roles: Object.fromEntries(range(MOST_OPERANDS).map((i) => [i, factor])),
  learnable: (shape) => shape.length > 1,
  macs(site) {
    const { terms, result, sizes } = equationOf(site);
    let [whole, ...rest] = terms.map((term) => new Set(term));
    let macs = 0;
    for (const [i, term] of rest.entries()) {
      whole = new Set([...whole, ...term]);
      macs += [...whole].reduce((size, label) => size * sizes.get(label)!, 1);
      const later = new Set([...result, ...rest.slice(i + 1).flatMap((other) => [...other])]);
      whole = new Set([...whole].filter((label) => later.has(label)));
    }
    return macs;
  },
  expand(site, inputs, b) {
    const { terms, result, sizes } = equationOf(site);
    const operands = terms.map((labels, i) => diagonal(b, { name: inputs[i], labels }));
    const [first, ...others] = operands;
    const laterThan = (i: number) =>
      new Set([...result, ...operands.slice(i + 1).flatMap(({ labels }) => labels)]);
    let whole = others.length === 0 ? summed(b, first, laterThan(0)) : first;
    for (const [i, operand] of others.entries())
      whole = combined(b, [whole, operand], laterThan(i + 1), sizes);
    return [spread(b, whole, result, sizes)];
  },
});

/** @throws UserError where the equation cannot be read, or does not fit the operands. */
function equationOf(site: Site): Equation {
  const { node } = site;
  const equation = attr.string(node, 'equation');
  const refuse = (why: string): never =>
    fail(`${describe(node)} has the equation "${equation}", ${why}; the model is damaged.`);
  const [left, right, ...more] = equation.replace(/\s/g, '').split('->');
  const texts = left.split(',');
  if (more.length > 0 || ![...texts, right ?? ''].every((text) => /^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(text)))
    refuse(
      'which is none: operands are letters and at most one ..., with commas between and the result after ->',
    );
  if (texts.length !== site.inputs.length || texts.length > MOST_OPERANDS)
    refuse(
      `of ${texts.length} operands, but ${site.inputs.length} are there, and at most ${MOST_OPERANDS} can be`,
    );
  const ranks = site.inputs.map((type) => type!.shape.length);
  const hidden = texts.map((text, i) => (text.includes('.') ? ranks[i] - lettersOf(text).length : 0));
  const terms = texts.map((text, i) => labelsOf(text, hidden[i]));
  const sizes = new Map<Label, number>();
  for (const [i, term] of terms.entries()) {
    if (hidden[i] < 0 || term.length !== ranks[i]) refuse(`but operand ${i} has ${ranks[i]} dimensions`);
    for (const [axis, label] of term.entries()) {
      const [size, known = 1] = [site.inputs[i]!.shape[axis], sizes.get(label)];
      if (size !== known && size !== 1 && known !== 1)
        refuse(`where ${label[0] === '.' ? '...' : label} is ${known} in one place and ${size} in another`);
      sizes.set(label, known === 1 ? size : known);
    }
  }
  const all = Math.max(0, ...hidden);
  const result = right === undefined ? implied(texts, all) : labelsOf(right, all);
  const odd = result.find((label, i) => !sizes.has(label) || result.indexOf(label) !== i);
  if (odd !== undefined) refuse(`whose result has ${odd} twice, or where no operand has it`);
  return { terms, result, sizes };
}

const lettersOf = (text: string): string[] => [...text.replace('...', '')];

/** What axes are called; '...' stands for so many. */
function labelsOf(text: string, hidden: number): Label[] {
  const at = text.indexOf('...');
  const dots = range(hidden).map((i) => `.${hidden - i}`);
  return at < 0 ? [...text] : [...text.slice(0, at), ...dots, ...text.slice(at + 3)];
}

/** The result where none is told: what ... stands for, then all letters that are there once, in the order of the alphabet. */
function implied(texts: readonly string[], hidden: number): Label[] {
  const letters = texts.flatMap(lettersOf);
  const once = letters.filter((letter) => letters.filter((other) => other === letter).length === 1);
  return [...labelsOf('...', hidden), ...once.sort()];
}

/**
 * Of axes with the same name only the positions where their indices are equal: all others are made 0, and one axis is summed.
 * (Cut out of the two axes as one, positions of either would look as if they could go without the other's.)
 */
function diagonal(b: Build, { name, labels }: Named): Named {
  const two = labels.findIndex((label, i) => labels.indexOf(label) !== i);
  if (two < 0) return { name, labels };
  const one = labels.indexOf(labels[two]);
  const { shape } = b.type(name);
  const size = shape[one];
  if (size !== shape[two])
    throw new Error(`the axes ${labels[two]} have ${size} and ${shape[two]} positions`);
  const equal = constant(
    b,
    shape.map((dim, axis) => (axis === one || axis === two ? dim : 1)),
    range(size * size).map((i) => Number(i % (size + 1) === 0)),
  );
  const cleared = pointwise(b, call('choose', input(1), input(0), 0), [name, equal]);
  const sum = reduce(b, 'sum', cleared, [two]);
  return diagonal(b, { name: reshape(b, sum, shape.toSpliced(two, 1)), labels: labels.toSpliced(two, 1) });
}

/** Summed over the axes that nobody needs later. */
function summed(b: Build, { name, labels }: Named, later: ReadonlySet<Label>): Named {
  const kept = labels.filter((label) => later.has(label));
  const axes = labels.flatMap((label, i) => (later.has(label) ? [] : [i]));
  const sum = reduce(b, 'sum', name, axes);
  const { shape } = b.type(sum);
  return {
    name: reshape(
      b,
      sum,
      shape.filter((_, i) => !axes.includes(i)),
    ),
    labels: kept,
  };
}

/** The product of two values, summed over what nobody needs later. */
function combined(
  b: Build,
  pair: readonly [Named, Named],
  later: ReadonlySet<Label>,
  sizes: Equation['sizes'],
): Named {
  const needed = (other: Named) => new Set([...later, ...other.labels]);
  const [x, y] = [summed(b, pair[0], needed(pair[1])), summed(b, pair[1], needed(pair[0]))];
  const shared = x.labels.filter((label) => y.labels.includes(label));
  const lead = shared.filter((label) => later.has(label));
  const inner = shared.filter((label) => !later.has(label));
  const rows = x.labels.filter((label) => !shared.includes(label));
  const columns = y.labels.filter((label) => !shared.includes(label));
  const labels = [...lead, ...rows, ...columns];
  if (inner.length === 0) {
    const spaced = ({ name, labels: own }: Named) => {
      const order = labels.filter((label) => own.includes(label));
      const sorted = transpose(
        b,
        name,
        order.map((label) => own.indexOf(label)),
      );
      const { shape } = b.type(sorted);
      return reshape(
        b,
        sorted,
        labels.map((label) => (own.includes(label) ? shape[order.indexOf(label)] : 1)),
      );
    };
    return { name: pointwise(b, mul(input(0), input(1)), [spaced(x), spaced(y)]), labels };
  }
  const size = (list: readonly Label[]) => list.map((label) => sizes.get(label)!);
  const matrix = (value: Named, [left, right]: readonly [Label[], Label[]]) =>
    reshape(b, spread(b, value, [...lead, ...left, ...right], sizes), [
      ...size(lead),
      sizeOf(size(left)),
      sizeOf(size(right)),
    ]);
  const product = multiply(b, matrix(x, [rows, inner]), matrix(y, [inner, columns]));
  return { name: reshape(b, product, size(labels)), labels };
}

/** With its axes in this order, and as long as they are elsewhere. */
function spread(
  b: Build,
  { name, labels }: Named,
  order: readonly Label[],
  sizes: Equation['sizes'],
): string {
  const sorted = transpose(
    b,
    name,
    order.map((label) => labels.indexOf(label)),
  );
  return expand(
    b,
    sorted,
    order.map((label) => sizes.get(label)!),
  );
}

/** The first axis of an operand that it alone gives to the result; 0 where there is none, or ... hides which it is. */
function outputAxisOfEinsum(node: Node, operand: number): number {
  const [left, right = left] = attr.string(node, 'equation').replace(/\s/g, '').split('->');
  const terms = left.split(',');
  const others = terms.filter((_, i) => i !== operand).join();
  const letters = [...(terms[operand] ?? '')];
  return Math.max(
    0,
    letters.findIndex((letter) => letter !== '.' && right.includes(letter) && !others.includes(letter)),
  );
}

export const einsumOperators: Record<string, Operator> = { Einsum: einsum };
