/** What is joined into one pass over memory, and what is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, type Expression, input, type Tape, tape } from '../../graph/index.js';
import { fuse } from './fuse.js';

const [x, y] = [input(0), input(1)];
const laned = (t: Tape, name: string, ...shape: number[]) =>
  t.declare(name, { dtype: 'float32', shape, laned: true });
const apply = (t: Tape, f: 'exp' | 'neg' | 'tanh' | 'relu', of: string) =>
  t.emit('elementwise', [of], { expression: call(f, x) })[0];
const sum = (t: Tape, of: string, axes: number[], across = false) =>
  t.emit('reduce', [of], { how: 'sum', axes, across })[0];

/** The passes' operands and results, single nodes by their operator. */
const fused = (t: Tape, ...kept: string[]) =>
  fuse(t.nodes, t.type, new Set(kept)).map((unit) =>
    'pass' in unit
      ? [...unit.pass.operands, '→', ...unit.pass.results.map((r) => r.output)].join(' ')
      : unit.node.op,
  );

test('a chain is one pass', () => {
  const t = tape();
  const a = laned(t, 'a', 4, 5);
  const end = sum(t, apply(t, 'tanh', apply(t, 'exp', a)), [1]);
  assert.deepEqual(fused(t, end), [`a → ${end}`]);
});

test('what is wanted, or used by another kernel, is stored', () => {
  const t = tape();
  const a = laned(t, 'a', 4, 5);
  const middle = apply(t, 'exp', a);
  const end = apply(t, 'neg', middle);
  assert.deepEqual(fused(t, middle, end), [`a → ${middle}`, `${middle} → ${end}`]);
  const [turned] = t.emit('transpose', [middle], { order: [1, 0] });
  assert.deepEqual(fused(t, turned, end), [`a → ${middle}`, `${middle} → ${end}`, 'transpose']);
});

test('what is small and broadcast is not computed again for every element', () => {
  const t = tape();
  const [a, b] = [laned(t, 'a', 1), laned(t, 'b', 100)];
  const small = apply(t, 'exp', a);
  const [end] = t.emit('elementwise', [small, b], { expression: call('mul', x, y) });
  assert.deepEqual(fused(t, end), [`a → ${small}`, `${small} b → ${end}`]);
});

test('cheap parts are copied into a few users, costly ones are not', () => {
  for (const [f, copied] of [
    ['relu', true],
    ['tanh', false],
  ] as const) {
    const t = tape();
    const a = laned(t, 'a', 9);
    const shared = apply(t, f, a);
    const [one, two] = [apply(t, 'neg', shared), apply(t, 'exp', shared)];
    assert.equal(fused(t, one, two).length, copied ? 2 : 3);
  }
});

test('reductions share a pass only where axes, lanes and kind are the same', () => {
  const t = tape();
  const [a, b] = [laned(t, 'a', 4, 4), laned(t, 'b', 4, 4)];
  const plain = t.declare('c', { dtype: 'float32', shape: [4, 4], laned: false });
  const sums = [
    sum(t, a, [0], true),
    sum(t, b, [0], true),
    sum(t, a, [1], true),
    sum(t, a, [0]),
    sum(t, plain, [0]),
  ];
  const [top] = t.emit('reduce', [plain], { how: 'max', axes: [0] });
  assert.deepEqual(fused(t, ...sums, top), [
    `a b → ${sums[0]} ${sums[1]}`,
    `a → ${sums[2]}`,
    `a → ${sums[3]}`,
    `c → ${sums[4]}`,
    `c → ${top}`,
  ]);
});

test('what is stored is computed again where all it comes from is read anyway', () => {
  const t = tape();
  const [a, b, dy] = [laned(t, 'a', 4, 5), laned(t, 'b', 1, 5), laned(t, 'dy', 4, 5)];
  const [out] = t.emit('elementwise', [a, b], { expression: call('relu', call('add', x, y)) });
  const [gated] = t.emit('elementwise', [dy, out], { expression: call('mul', x, call('greater', y, 0)) });
  const [both] = t.emit('elementwise', [gated, a], { expression: call('mul', x, y) });
  const [turned] = t.emit('transpose', [out], { order: [1, 0] });
  assert.deepEqual(fused(t, turned, gated, both), [
    `a b → ${out}`,
    `dy ${out} → ${gated}`,
    `${gated} a → ${both}`,
    'transpose',
  ]);
  assert.deepEqual(fused(t, turned, both), [`a b → ${out}`, `dy a b → ${both}`, 'transpose']);
});

test('a pass has at most eight operands: what would be more is stored before', () => {
  const t = tape();
  const names = Array.from({ length: 12 }, (_, i) => laned(t, `x${i}`, 6));
  const end = names.reduce((a, b) => t.emit('elementwise', [a, b], { expression: call('add', x, y) })[0]);
  const units = fuse(t.nodes, t.type, new Set([end]));
  assert.ok(units.length > 1);
  for (const unit of units) assert.ok('pass' in unit && unit.pass.operands.length <= 8);
});

test('formulas that double at every node are cut, and long chains are gone through once', () => {
  const t = tape();
  let at = laned(t, 'a', 4);
  for (let i = 0; i < 3000; i++) [at] = t.emit('elementwise', [at, at], { expression: call('add', x, y) });
  const units = fuse(t.nodes, t.type, new Set([at]));
  assert.ok(units.length > 300 && units.length < 1000, `${units.length}`);
  assert.equal(units.filter((unit) => 'pass' in unit && unit.pass.results[0].output === at).length, 1);
});

test('pairs of long formulas far apart are not gone through again and again', () => {
  const t = tape();
  const count = 400;
  const operands = Array.from({ length: 8 }, (_, i) => laned(t, `a${i}`, 4));
  const others = Array.from({ length: 8 }, (_, i) => laned(t, `b${i}`, 4));
  const total = (names: string[]) =>
    t.emit('elementwise', names, {
      expression: names.map((_, k) => input(k)).reduce<Expression>((a, b) => call('add', a, b), 0),
    })[0];
  const early = Array.from({ length: count }, (_, i) => total(i % 2 ? operands : others));
  const ends = Array.from({ length: count / 2 }, (_, i) => total([early[2 * i], early[2 * i + 1]]));
  const units = fuse(t.nodes, t.type, new Set(ends));
  const stored = units.flatMap((unit) => ('pass' in unit ? unit.pass.results.map((r) => r.output) : []));
  assert.ok(ends.every((end) => stored.includes(end)));
  assert.ok(
    units.every((unit) => 'pass' in unit && unit.pass.operands.every((name) => /^[ab]\d|#/.test(name))),
  );
});
