import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreTypes } from './core/index.js';
import type { CoreNode, Type, Window } from './core.js';
import { broadcast, windowOutput } from './shapes.js';

test('broadcasting is NumPy’s', () => {
  assert.deepEqual(broadcast([2, 1, 3], [4, 1]), [2, 4, 3]);
  assert.deepEqual(broadcast([], [5]), [5]);
  assert.deepEqual(broadcast([0], [1]), [0]);
  assert.equal(broadcast([2], [3]), undefined);
});

const window = (kernel: number, stride: number, dilation: number, before: number, after: number): Window => ({
  kernel: [kernel],
  strides: [stride],
  dilations: [dilation],
  padsBefore: [before],
  padsAfter: [after],
});

test('a window’s output: every place where it fits; rounded up, every place where it begins inside', () => {
  for (let size = 1; size < 9; size++)
    for (let kernel = 1; kernel < 5; kernel++)
      for (let stride = 1; stride < 4; stride++)
        for (let dilation = 1; dilation < 3; dilation++)
          for (const [before, after] of [
            [0, 0],
            [1, 0],
            [0, 2],
            [1, 1],
          ]) {
            const reach = dilation * (kernel - 1) + 1;
            if (reach > size + before + after || Math.max(before, after) >= reach) continue;
            const starts = Array.from({ length: 20 }, (_, o) => o * stride - before);
            const fitting = starts.filter((s) => s + reach <= size + after).length;
            const beginning = starts.filter((s) => s < size && s - stride + reach < size + after).length;
            const w = window(kernel, stride, dilation, before, after);
            assert.deepEqual(windowOutput([size], w), [fitting]);
            assert.deepEqual(windowOutput([size], w, true), [Math.max(fitting, beginning)]);
          }
});

const type = (shape: number[], laned = true): Type => ({ dtype: 'float32', shape, laned });
const typesOf = (node: Pick<CoreNode, 'op' | 'options'>, ...inputs: Type[]) =>
  coreTypes(node, inputs).map(({ shape, laned }) => [shape, laned]);

test('what the core operators make of shapes and lanes', () => {
  const w: Window = {
    kernel: [3, 3],
    strides: [2, 2],
    dilations: [1, 1],
    padsBefore: [1, 1],
    padsAfter: [1, 1],
  };
  const image = type([1, 4, 8, 6]);
  const weights = type([6, 2, 3, 3], false);
  assert.deepEqual(typesOf({ op: 'conv', options: { window: w, groups: 2 } }, image, weights), [
    [[1, 6, 4, 3], true],
  ]);
  assert.deepEqual(
    typesOf(
      { op: 'convInput', options: { window: w, groups: 2, spatial: [8, 6] } },
      type([1, 6, 4, 3]),
      weights,
    ),
    [[[1, 4, 8, 6], true]],
  );
  assert.deepEqual(
    typesOf({ op: 'convWeight', options: { window: w, groups: 2 } }, image, type([1, 6, 4, 3])),
    [[[6, 2, 3, 3], false]],
  );
  assert.deepEqual(typesOf({ op: 'reduce', options: { how: 'sum', axes: [1], across: true } }, image), [
    [[1, 1, 8, 6], false],
  ]);
  assert.deepEqual(typesOf({ op: 'reduce', options: { how: 'sum', axes: [1] } }, image), [
    [[1, 1, 8, 6], true],
  ]);
  assert.deepEqual(typesOf({ op: 'concat', options: { axis: 1 } }, image, type([1, 3, 8, 6], false)), [
    [[1, 7, 8, 6], true],
  ]);
  assert.deepEqual(typesOf({ op: 'matmul', options: {} }, type([2, 3, 4], false), type([2, 4, 5], false)), [
    [[2, 3, 5], false],
  ]);
  const cross = typesOf({ op: 'crossEntropy', options: { smoothing: 0 } }, type([1, 10]), type([1]));
  assert.deepEqual(cross, [
    [[1], false],
    [[1], false],
    [[1, 10], true],
  ]);
  assert.throws(
    () => typesOf({ op: 'elementwise', options: { expression: 0 } }, type([2]), type([3])),
    /broadcast/,
  );
});
