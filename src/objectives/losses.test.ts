/** Every loss as core operators, beside its formula in double precision, and its gradient beside differences of that. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal, random } from '../base/index.js';
import { differentiate, type ReferenceValue, runCore, type Tape, tape } from '../graph/index.js';
import {
  absolutes,
  binaryDivergences,
  binaryEntropies,
  divergences,
  hubers,
  mean,
  squares,
  total,
} from './emit.js';
import { binaryEntropy, divergence, sigmoid } from './plain-losses.js';
import { groupsAlong } from './tallies.js';

const SHAPE = [1, 3, 4];
const SIZE = 12;

interface Case {
  emit(t: Tape, own: string, other: string): string;
  plain(own: Float32Array, other: Float32Array): number;
  /** What the second operand may be. */
  other?: (x: number) => number;
}

const sum = (own: Float32Array, other: Float32Array, of: (x: number, y: number) => number) =>
  own.reduce((all, x, i) => all + of(x, other[i]), 0);

const { starts, steps } = groupsAlong(SHAPE, [1]);

const cases: Record<string, Case> = {
  squared: {
    emit: (t, x, y) => mean(t, squares(t, x, y), 2),
    plain: (x, y) => (2 * sum(x, y, (a, b) => (a - b) ** 2)) / SIZE,
  },
  absolute: {
    emit: (t, x, y) => mean(t, absolutes(t, x, y)),
    plain: (x, y) => sum(x, y, (a, b) => Math.abs(a - b)) / SIZE,
  },
  huber: {
    emit: (t, x, y) => total(t, hubers(t, x, y, 0.7)),
    plain: (x, y) =>
      sum(x, y, (a, b) => {
        const off = Math.abs(a - b);
        return off > 0.7 ? 0.7 * (off - 0.35) : (off * off) / 2;
      }),
  },
  'binary entropy': {
    emit: (t, x, y) => total(t, binaryEntropies(t, x, y)),
    plain: (x, y) => sum(x, y, binaryEntropy),
    other: sigmoid,
  },
  'binary divergence': {
    emit: (t, x, y) => total(t, binaryDivergences(t, x, y)),
    plain: (x, y) => sum(x, y, (z, u) => binaryEntropy(z, sigmoid(u)) - binaryEntropy(u, sigmoid(u))),
  },
  divergence: {
    emit: (t, x, y) => total(t, divergences(t, x, y, [1])),
    plain: (x, y) => starts.reduce((all, start) => all + divergence(x, y, start, steps), 0),
  },
};

const value = (data: readonly Float32Array[]): ReferenceValue => ({
  ...{ shape: SHAPE, laned: true, samples: data.map((one) => Float64Array.from(one)) },
});

for (const [name, { emit, plain, other = (x: number) => x }] of Object.entries(cases))
  test(`${name}: the graph computes the formula, and its gradient is the formula's slope`, () => {
    const draw = random(3, name);
    const t = tape(true);
    const [own, theirs] = ['own', 'theirs'].map((one) =>
      t.declare(one, { dtype: 'float32', shape: SHAPE, laned: true }),
    );
    const loss = emit(t, own, theirs);
    const [one] = t.emit('elementwise', [loss], {
      expression: { f: 'equal', of: [{ input: 0 }, { input: 0 }] },
    });
    const slope = differentiate(t, new Map([[loss, one]]), [own]).get(own)!;
    const drawn = (of: (x: number) => number) =>
      [0, 1].map(() => Float32Array.from({ length: SIZE }, () => of(2 * normal(draw))));
    const [x, y] = [drawn((z) => z), drawn(other)];
    const results = runCore(
      t.nodes,
      new Map([
        ['own', value(x)],
        ['theirs', value(y)],
      ]),
    );
    for (const s of [0, 1]) {
      const is = results.get(loss)!.samples[s][0];
      assert.ok(Math.abs(is - plain(x[s], y[s])) < 1e-6 * (1 + Math.abs(is)), `${is}`);
      for (let i = 0; i < SIZE; i++) {
        const moved = (by: number) => {
          const data = Float32Array.from(x[s]);
          data[i] = x[s][i] + by;
          return [plain(data, y[s]), data[i]];
        };
        const [[up, high], [down, low]] = [moved(2 ** -8), moved(-(2 ** -8))];
        const expected = (up - down) / (high - low);
        const gradient = results.get(slope)!.samples[s][i];
        assert.ok(Math.abs(gradient - expected) < 1e-4 * (1 + Math.abs(expected)), `${gradient} ${expected}`);
      }
    }
  });

test('logits that are far apart give finite losses', () => {
  for (const emit of [binaryDivergences, (t: Tape, x: string, y: string) => divergences(t, x, y, [1])]) {
    const t = tape(true);
    for (const one of ['own', 'theirs']) t.declare(one, { dtype: 'float32', shape: SHAPE, laned: true });
    const loss = total(t, emit(t, 'own', 'theirs'));
    const far = Float32Array.from({ length: SIZE }, (_, i) => (i % 5 < 2 ? 300 : -300));
    const results = runCore(
      t.nodes,
      new Map([
        ['own', value([far])],
        ['theirs', value([far.map((x) => -x)])],
      ]),
    );
    const [is] = results.get(loss)!.samples[0];
    assert.ok(Number.isFinite(is) && is > 300, `${is}`);
  }
});
