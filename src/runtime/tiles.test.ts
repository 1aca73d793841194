/** Tiles cover what they should, once; and the way of a layer follows its zeros and its size. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Machine } from '../engine/index.js';
import { planeOf } from './planes.js';
import { type Shape, type Tiling, tilingOf } from './tiles.js';

const machines = [
  { kind: 'native', lanesPerVector: 16, told: { PLANE_MR: 8, PLANE_NV: 3, PLANE_POINTS: 16 } },
  { kind: 'native', lanesPerVector: 8, told: { PLANE_MR: 4, PLANE_NV: 3, PLANE_POINTS: 8 } },
  { kind: 'wasm', lanesPerVector: 4, told: { PLANE_MR: 4, PLANE_NV: 3, PLANE_POINTS: 8 } },
] as Machine[];

const layer = (size: number, channels: number, density: number): Shape => {
  const plane = planeOf(size, size, { columns: 1, rows: 1 });
  const window = channels * 9;
  return { from: plane, to: plane, groups: 1, outputs: channels, window, count: window * channels * density };
};

/** How often each pixel of a result is stored. */
function stored({ way, tiles }: Tiling, { to }: Shape, vector: number): number[] {
  const times = Array.from({ length: to.run }, () => 0);
  for (let i = 0; i < tiles.length; i += 3) {
    const [, start, size] = tiles.subarray(i, i + 3);
    const [rows, columns] = way === 'points' ? [size >> 4, size & 15] : [1, size * vector];
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) times[start + row * to.pitch + column]++;
  }
  return Array.from(
    { length: to.height * to.width },
    (_, p) => times[Math.floor(p / to.width) * to.pitch + (p % to.width)],
  );
}

test('every pixel is stored once, in whichever way', () => {
  const ways = new Set<string>();
  for (const machine of machines)
    for (const size of [1, 2, 3, 4, 7, 8, 11, 14, 32])
      for (const density of [1, 0.05]) {
        const shape = layer(size, 64, density);
        const tiling = tilingOf(machine, shape);
        ways.add(tiling.way);
        const times = stored(tiling, shape, machine.lanesPerVector);
        assert.deepEqual(new Set(times), new Set([1]), `${machine.kind} ${size} ${density}`);
      }
  assert.deepEqual([...ways].sort(), ['dense', 'points', 'sparse']);
});

test('zeros are left out where that is cheaper, and only there', () => {
  for (const machine of machines) {
    assert.equal(tilingOf(machine, layer(32, 16, 1)).way, 'dense');
    assert.equal(tilingOf(machine, layer(32, 16, 0.1)).way, 'sparse');
    assert.equal(tilingOf(machine, layer(2, 256, 1)).way, 'points');
    assert.equal(tilingOf(machine, layer(2, 256, 0.02)).way, 'sparse');
  }
});
