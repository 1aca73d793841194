import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { largest, type Scored, smallest } from './select.js';

const part = (values: readonly number[], among: readonly number[] = values.map(() => 1)): Scored => ({
  name: 'w',
  values: Float32Array.from(values),
  among: Uint8Array.from(among),
});

const indices = (marks: readonly Uint8Array[]): number[] =>
  marks.flatMap((m) => [...m]).flatMap((x, i) => (x ? [i] : []));

/** The definition: a stable sort of the candidates of the concatenation. */
function sorted(parts: readonly Scored[], k: number, sign: number, of = Math.abs): number[] {
  const values = parts.flatMap((p) => [...p.values]).map(of);
  const among = parts.flatMap((p) => [...p.among]);
  return values
    .map((_, i) => i)
    .filter((i) => among[i] !== 0)
    .sort((a, b) => sign * (values[a] < values[b] ? -1 : values[a] > values[b] ? 1 : 0) || a - b)
    .slice(0, k)
    .sort((a, b) => a - b);
}

const value = fc.oneof(
  fc.constantFrom(0, -0, 1, -1, 0.5, 1e-40, -1e-40, Infinity, -Infinity),
  fc.float({ noNaN: true }),
  fc.float({ min: 1, max: Math.fround(1.00001), noNaN: true }),
);
const cell = fc.tuple(value, fc.constantFrom(0, 1, 1));
const tensors = fc.array(fc.array(cell, { maxLength: 40 }), { minLength: 1, maxLength: 4 });

test('a selection is what a stable sort of the pooled candidates would give', () => {
  fc.assert(
    fc.property(tensors, fc.double({ min: 0, max: 1, noNaN: true }), (rows, share) => {
      const parts = rows.map((row) =>
        part(
          row.map(([v]) => v),
          row.map(([, m]) => m),
        ),
      );
      const candidates = rows.flat().filter(([, m]) => m).length;
      const k = Math.round(share * candidates);
      assert.deepEqual(indices(smallest(parts, k)), sorted(parts, k, 1));
      assert.deepEqual(indices(largest(parts, k)), sorted(parts, k, -1));
      const same = (x: number) => x;
      assert.deepEqual(indices(smallest(parts, k, { order: 'value' })), sorted(parts, k, 1, same));
      assert.deepEqual(indices(largest(parts, k, { order: 'value' })), sorted(parts, k, -1, same));
    }),
    { numRuns: 1000 },
  );
});

test('among equals the lower index of the concatenation goes first', () => {
  const parts = [part([3, -1, 1]), part([1, 0, -1])];
  assert.deepEqual(indices(smallest(parts, 3)), [1, 2, 4]);
  assert.deepEqual(indices(largest(parts, 3)), [0, 1, 2]);
});

test('neighbouring floats are told apart', () => {
  const above = new Float32Array(new Uint32Array([0x3f800001]).buffer)[0];
  assert.deepEqual(indices(smallest([part([above, 1, above])], 1)), [1]);
});

test('views into the middle of a larger memory, and float masks', () => {
  const memory = new Float32Array([9, 9, 0.3, 0.1, 0.2, 0]);
  const values = memory.subarray(2, 5);
  assert.deepEqual(indices(smallest([{ name: 'w', values, among: new Float32Array([1, 0, 1]) }], 1)), [2]);
});

test('more than there are is an error, not a loop', () => {
  assert.throws(() => smallest([part([1, 2], [1, 0])], 2), RangeError);
  assert.throws(() => smallest([part([1, 2])], -1), RangeError);
});

test('NaN is named where it counts and ignored where it does not', () => {
  const bad = { ...part([1, Number.NaN]), name: 'conv1.weight' };
  assert.throws(() => smallest([part([1]), bad], 1), {
    name: 'UserError',
    message:
      'The pruning score of conv1.weight is not a number (element 1): training has diverged; lower the learning rate.',
  });
  const negative = new Float32Array(new Uint32Array([0xffc00000]).buffer)[0];
  for (const value of [Number.NaN, negative])
    for (const find of [smallest, largest])
      assert.throws(() => find([part([1, value])], 1, { order: 'value' }), { name: 'UserError' });
  assert.deepEqual(indices(smallest([{ ...bad, among: new Uint8Array([1, 0]) }], 1)), [0]);
});
