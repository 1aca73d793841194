/** Einsum against onnxruntime: the ways in which people write it, and random equations. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { string } from '../../onnx/index.js';
import { summarize } from '../facts/summary.js';
import { type Case, caseAgrees, type Given, modelOf } from './against.test.fixture.js';

const f = (...shape: number[]): Given => ({ shape });
const weights = (...shape: number[]): Given => ({ shape, fixed: true });
const einsum = (equation: string, ...inputs: Given[]): Case => ({
  op: 'Einsum',
  opset: 12,
  inputs,
  attributes: { equation: string(equation) },
});

const cases = [
  einsum('bi,oi->bo', f(3, 5), weights(4, 5)),
  einsum('oi,bit->bot', weights(4, 5), f(2, 5, 3)),
  einsum('btd,dhk->bthk', f(2, 3, 6), weights(6, 2, 4)),
  einsum('bthk,hkd->btd', f(2, 3, 2, 4), weights(2, 4, 6)),
  einsum('bqhd,bkhd->bhqk', f(2, 3, 2, 4), f(2, 5, 2, 4)),
  einsum('bhqk,bkhd->bqhd', f(2, 2, 3, 5), f(2, 5, 2, 4)),
  einsum('bhtd,hde->bhte', f(2, 3, 4, 5), weights(3, 5, 2)),
  einsum('bnd,bmd->bnm', f(2, 3, 4), f(2, 5, 4)),
  einsum('...ij,...jk->...ik', f(2, 3, 4, 5), f(2, 3, 5, 2)),
  einsum('...ij,jk', f(2, 3, 4, 5), weights(5, 2)),
  einsum('i...,i...->...', f(3, 4, 2), f(3, 4, 2)),
  einsum('...a,...b->ab...', f(2, 3), f(2, 4)),
  einsum('ij , jk', f(3, 4), weights(4, 5)),
  einsum('ba', f(3, 4)),
  einsum('ij->ji', f(3, 4)),
  einsum('ijk->j', f(3, 4, 2)),
  einsum('ij->', f(3, 4)),
  einsum('ii->i', f(4, 4)),
  einsum('bii->b', f(2, 4, 4)),
  einsum('iji->j', f(3, 4, 3)),
  einsum('ii,ij->ij', f(3, 3), weights(3, 2)),
  einsum('i,j->ij', f(3), weights(4)),
  einsum('i,i->', f(5), weights(5)),
  einsum('bc,bc->bc', f(2, 3), f(2, 3)),
  einsum('bchw,bc->bchw', f(2, 3, 4, 4), f(2, 3)),
  einsum('ab,bc,cd->ad', f(2, 3), weights(3, 4), weights(4, 5)),
  einsum('bi,bj,ijk->bk', f(2, 3), f(2, 4), weights(3, 4, 5)),
  einsum('a,b,c->cab', f(2), f(3), f(4)),
  einsum('ab,ac->ab', f(2, 3), f(2, 4)),
];

for (const one of cases) {
  const { attributes, inputs } = one;
  test(`${attributes!.equation.value} of ${inputs.map((input) => `[${input!.shape}]`).join(' ')}`, () =>
    caseAgrees(one, 2e-5));
}

/** Some letters each, and a result of some of those that there are. */
const equations = fc
  .record({
    terms: fc.array(fc.uniqueArray(fc.constantFrom(...'abcdef'), { minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 3,
    }),
    sizes: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 6, maxLength: 6 }),
    fixed: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
    order: fc.shuffledSubarray([...'abcdef']),
    told: fc.boolean(),
  })
  .map(({ terms, sizes, fixed, order, told }) => {
    const result = order.filter((letter) => terms.some((term) => term.includes(letter)));
    const shapes = terms.map((term) => term.map((letter) => sizes['abcdef'.indexOf(letter)]));
    const equation = terms.map((term) => term.join('')).join(',') + (told ? `->${result.join('')}` : '');
    return einsum(equation, ...shapes.map((shape, i) => ({ shape, fixed: i > 0 && fixed[i] })));
  });

test('random equations', () =>
  fc.assert(
    fc.asyncProperty(equations, (one) => caseAgrees(one, 2e-5)),
    { numRuns: 150, seed: 20240607 },
  ));

const sizes: Record<string, number> = { a: 2, b: 3, c: 4, d: 2, Z: 3 };
const letters = Object.keys(sizes);
const dots = [3, 2];

const term = fc.record({
  letters: fc.array(fc.constantFrom(...letters), { maxLength: 3 }),
  /** Where the ellipsis stands, if anywhere. */
  ellipsis: fc.option(fc.nat(3), { freq: 2 }),
  /** Axes that have one element instead. */
  thin: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  fixed: fc.boolean(),
});

const odd = fc.record({
  terms: fc.array(term, { minLength: 1, maxLength: 3 }),
  /** For how many axes; onnxruntime wants the same for all operands. */
  rank: fc.nat(2),
  explicit: fc.boolean(),
  order: fc.shuffledSubarray(letters),
  at: fc.nat(3),
  repeats: fc.boolean(),
  thins: fc.boolean(),
  space: fc.constantFrom('', ' '),
});

type Drawn = typeof odd extends fc.Arbitrary<infer T> ? T : never;

/** 'ab', at 1 → 'a...b' */
const dotted = (text: readonly string[], at: number | undefined, space: string): string =>
  (at === undefined ? text : text.toSpliced(Math.min(at, text.length), 0, '...')).join(space);

function caseOf({ terms, rank, explicit, order, at, repeats, thins, space }: Drawn): Case {
  // Capitals need an arrow in onnxruntime.
  const drawn = terms.map((one) => {
    const allowed = one.letters.filter((letter) => explicit || letter !== 'Z');
    return { ...one, letters: repeats ? allowed : [...new Set(allowed)] };
  });
  const inputs = drawn.map(({ letters: list, ellipsis, thin, fixed }, i): Given => {
    const unique = new Set(list).size === list.length;
    const size = (letter: string, axis: number) => (thins && unique && thin[axis] ? 1 : sizes[letter]);
    const between = ellipsis === null ? [] : dots.slice(dots.length - rank);
    const shape = list.map(size).toSpliced(Math.min(ellipsis ?? 0, list.length), 0, ...between);
    return { shape, fixed: fixed && i > 0 };
  });
  const left = drawn.map(({ letters: list, ellipsis }) => dotted(list, ellipsis ?? undefined, space));
  const wide = drawn.some(({ ellipsis }) => ellipsis !== null);
  const used = new Set(drawn.flatMap(({ letters: list }) => list));
  const right = dotted(
    order.filter((letter) => used.has(letter)),
    wide ? at : undefined,
    space,
  );
  return einsum(left.join(`${space},`) + (explicit ? `${space}->${space}${right}` : ''), ...inputs);
}

test('random equations with ellipses, diagonals, axes of one element, capitals and spaces', () =>
  fc.assert(
    fc.asyncProperty(odd, (drawn) => caseAgrees(caseOf(drawn), 2e-5)),
    { numRuns: 150, seed: 20240607 },
  ));

test('MACs are those of the products, taken two at a time', () => {
  const macs = (one: Case) => summarize(modelOf(one)).macs;
  assert.equal(macs(einsum('btd,dhk->bthk', f(1, 3, 6), weights(6, 2, 4))), 3 * 6 * 2 * 4);
  assert.equal(macs(einsum('ab,bc,cd->ad', f(1, 3), weights(3, 4), weights(4, 5))), 3 * 4 + 4 * 5);
  assert.equal(macs(einsum('ij->ji', f(1, 4))), 0);
});

test('an equation that is none, or does not fit, is refused in a sentence', () => {
  for (const [equation, reason, ...shapes] of [
    ['ij,jk->ik->', /which is none/, [2, 3], [3, 4]],
    ['i1->i', /which is none/, [2, 3]],
    ['......i', /which is none/, [2, 3]],
    ['ij,jk->ik', /of 2 operands, but 1 are there/, [2, 3]],
    ['ijk->i', /operand 0 has 2 dimensions/, [2, 3]],
    ['ij,jk->ik', /j is 3 in one place and 5 in another/, [2, 3], [5, 4]],
    ['ij->ik', /result has k twice, or where no operand has it/, [2, 3]],
    ['ij->ii', /result has i twice/, [2, 3]],
    ['ii->i', /axes i have 1 and 3/, [1, 3]],
  ] as [string, RegExp, ...number[][]][])
    assert.throws(() => modelOf(einsum(equation, ...shapes.map((shape) => f(...shape)))), reason, equation);
});
