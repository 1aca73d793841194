/** Views by strides, beside walks over indices. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { integer, permutation, type Random, random } from '../../base/index.js';
import {
  broadcasted,
  freshPlace,
  isDense,
  type Place,
  reshaped,
  rowMajor,
  sliced,
  transposed,
} from './place.js';

/** The offsets of all elements in row-major order of the place's shape. */
function walk(p: Place): number[] {
  const steps = rowMajor(p.shape);
  const size = p.shape.reduce((a, b) => a * b, 1);
  return Array.from({ length: size }, (_, i) =>
    p.shape.reduce((at, d, axis) => at + (Math.floor(i / steps[axis]) % d) * p.strides[axis], p.offset),
  );
}

/** A place seen through random slices, transpositions and broadcasts. */
function randomPlace(r: Random): Place {
  const shape = Array.from({ length: 1 + integer(r, 4) }, () => 1 + integer(r, 5));
  let p = freshPlace(shape, integer(r, 2) === 0);
  for (let n = integer(r, 4); n > 0; n--) {
    const view = integer(r, 3);
    if (view === 0) p = transposed(p, [...permutation(r, p.shape.length)]);
    else if (view === 1)
      p = broadcasted(
        p,
        p.shape.map((d) => (d === 1 ? 3 : d)),
      );
    else {
      const steps = p.shape.map(() => [1, 1, 2, -1][integer(r, 4)]);
      const sizes = p.shape.map((d, i) => 1 + integer(r, Math.ceil(d / Math.abs(steps[i]))));
      const starts = steps.map((s, i) => (s < 0 ? sizes[i] - 1 : 0));
      p = sliced(p, starts, steps, sizes);
    }
  }
  return p;
}

/** Another shape of the same number of elements. */
function anotherShape(r: Random, size: number): number[] {
  const shape: number[] = [];
  while (size > 1) {
    const divisors = Array.from({ length: size }, (_, i) => i + 1).filter((d) => d > 1 && size % d === 0);
    const d = divisors[integer(r, divisors.length)];
    shape.push(d);
    size /= d;
    if (integer(r, 4) === 0) shape.push(1);
  }
  return shape;
}

test('a reshaped view walks the same elements in the same order, or there is none', () => {
  let views = 0;
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const r = random(seed);
      const p = randomPlace(r);
      const elements = walk(p);
      const shape = anotherShape(r, elements.length);
      const view = reshaped(p, shape);
      if (view) {
        views++;
        assert.deepEqual(view.shape, shape);
        assert.deepEqual(walk(view), elements);
      } else {
        assert.ok(!isDense(p), 'a dense place has any shape');
      }
    }),
    { numRuns: 1000, seed: 1 },
  );
  assert.ok(views > 300, `${views} views`);
});

test('dense is what lies row by row without gaps', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const p = randomPlace(random(seed));
      const elements = walk(p);
      assert.equal(
        isDense(p),
        elements.every((at, i) => at === p.offset + i),
      );
    }),
    { numRuns: 500, seed: 2 },
  );
});

test('transposition, slice and broadcast are those of NumPy', () => {
  const p = freshPlace([2, 3], false);
  assert.deepEqual(walk(transposed(p, [1, 0])), [0, 3, 1, 4, 2, 5]);
  assert.deepEqual(walk(sliced(p, [1, 2], [-1, -2], [2, 2])), [5, 3, 2, 0]);
  assert.deepEqual(
    walk(broadcasted(freshPlace([2, 1], false), [2, 2, 3])),
    [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1],
  );
});

test('no two elements of a fresh place share memory, and channels avoid strides of 4096 bytes', () => {
  for (const shape of [[1, 8, 8, 8], [2, 3, 16, 4], [5], [], [4, 64], [1, 1, 64, 64]]) {
    const p = freshPlace(shape, true);
    const elements = walk(p);
    assert.equal(new Set(elements).size, elements.length);
    assert.ok(elements.every((at) => at < p.buffer.size));
  }
  assert.equal(freshPlace([1, 8, 8, 8], true).strides[1] % 64, 1);
});
