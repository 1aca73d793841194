import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random, uniform } from '../../base/index.js';
import { drawMasks, keepTop } from './choose.js';
import { distribution, type MaskedLayer } from './layers.js';

const layer = (name: string, scores: number[]): MaskedLayer => ({
  name,
  weight: new Float32Array(scores.length).fill(1),
  scores: Float32Array.from(scores),
  mask: new Float32Array(scores.length).fill(1),
  biases: 0,
});
const masks = (layers: MaskedLayer[]) => layers.map(({ mask }) => [...mask]);

test('the highest are kept over all layers, of equal ones the first', () => {
  const layers = [layer('a', [0.9, 0.5, 0.5]), layer('b', [0.5, 0.7, 0.1])];
  assert.deepEqual(keepTop(layers, 3, false), []);
  assert.deepEqual(masks(layers), [
    [1, 1, 0],
    [0, 1, 0],
  ]);
});

test('a layer that would be emptied keeps its highest, unless it may lose all', () => {
  const layers = [layer('a', [0.9, 0.8, 0.7]), layer('b', [0.1, 0.2])];
  assert.deepEqual(keepTop(layers, 2, false), ['b']);
  assert.deepEqual(masks(layers), [
    [1, 0, 0],
    [0, 1],
  ]);
  assert.deepEqual(keepTop(layers, 2, true), []);
  assert.deepEqual(masks(layers), [
    [1, 1, 0],
    [0, 0],
  ]);
});

test('drawn counts are within four deviations of Σ s, and every draw is another', () => {
  const stream = random(5, 'probabilities');
  const probabilities = Array.from({ length: 20_000 }, () => uniform(stream) ** 3);
  const layers = [layer('a', probabilities)];
  const deviation = Math.sqrt(probabilities.reduce((sum, s) => sum + s * (1 - s), 0));
  const counts = [0, 1, 2, 3].map((draw) => {
    drawMasks(layers, { seed: 1, numbers: [0, draw], allowEmpty: false });
    return layers[0].mask.reduce((sum, m) => sum + m, 0);
  });
  const { expected, probabilities: histogram } = distribution(layers);
  for (const count of counts) assert.ok(Math.abs(count - expected) < 4 * deviation);
  assert.ok(new Set(counts).size > 1);
  assert.equal(
    histogram.reduce((a, b) => a + b, 0),
    20_000,
  );
  assert.ok(histogram[0] > histogram[19]);
});

test('certain probabilities are certain', () => {
  const layers = [layer('a', [0, 1, 0, 1])];
  drawMasks(layers, { seed: 1, numbers: [7], allowEmpty: false });
  assert.deepEqual(masks(layers), [[0, 1, 0, 1]]);
});

test('a layer whose draw keeps nothing keeps its most probable weight, unless it may lose all', () => {
  const layers = [layer('a', [0, 1]), layer('b', [0, 1e-12, 0])];
  assert.deepEqual(drawMasks(layers, { seed: 1, numbers: [7], allowEmpty: false }), ['b']);
  assert.deepEqual(masks(layers), [
    [0, 1],
    [0, 1, 0],
  ]);
  assert.deepEqual(drawMasks(layers, { seed: 1, numbers: [7], allowEmpty: true }), []);
  assert.deepEqual(masks(layers)[1], [0, 0, 0]);
});
