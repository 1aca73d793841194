/** Largest magnitudes, marked by kernels. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal, random } from '../base/index.js';
import { openMachine } from './index.js';
import { blockAt } from './memory.js';
import { ranking } from './ranking.js';

test('so many of the largest magnitudes, of equal ones the first', async () => {
  const draw = random(3);
  const sizes = [300_001, 17, 70_000];
  const drawn = sizes.map((n, b) =>
    Float32Array.from({ length: n }, () => (b === 2 ? Math.round(2 * normal(draw)) : normal(draw))),
  );
  const machine = await openMachine({ threads: 2 });
  const blocks = drawn.map((values) => {
    const [from, to] = [0, 0].map(() => blockAt(machine.allocate(values.length * 4), values.length));
    machine.floats(from.fixed, values.length).set(values);
    machine.push(from.fixed, values.length);
    return { values: from, marks: to };
  });
  const ranked = ranking(machine, blocks);
  for (const kept of [
    [0, 1, 0],
    [1000, 17, 30_000],
    [150_000, 5, 70_000],
    [75_000, 0, 69_999],
    [74_990, 3, 69_990], // near the last: found under its first digit
  ]) {
    await ranked.mark(kept);
    for (const [b, values] of drawn.entries()) {
      const order = [...values.keys()].sort((i, j) => Math.abs(values[j]) - Math.abs(values[i]) || i - j);
      const wanted = new Float32Array(values.length);
      await machine.pull(blocks[b].marks.fixed, values.length);
      for (const i of order.slice(0, kept[b])) wanted[i] = 1;
      assert.deepEqual(machine.floats(blocks[b].marks.fixed, values.length), wanted);
    }
  }
  ranked.close();
  await machine.close();
});
