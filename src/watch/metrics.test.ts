/** metrics.jsonl read while it is written. */
import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { curvesOf, layersOf, noMetrics, readOn } from './metrics.js';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-metrics-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const epoch = (n: number, extra: object = {}) =>
  `${JSON.stringify({ kind: 'epoch', epoch: n, loss: 1 / n, ...extra })}\n`;
const masks = (densities: number[]) =>
  `${JSON.stringify({ kind: 'masks', iteration: 0, layers: densities.map((density, i) => ({ name: `l${i}`, size: 10, density })) })}\n`;

test('lines are taken when they are whole, whatever the pieces they arrive in', async () => {
  const path = join(folder, 'grows.jsonl');
  const text = epoch(1) + masks([1, 0.5]) + epoch(2, { test: { accuracy: 0.5 } }) + masks([0.5, 0.25]);
  let metrics = noMetrics();
  for (let at = 0; at < text.length; at += 7) {
    await appendFile(path, text.slice(at, at + 7));
    metrics = await readOn(path, metrics);
  }
  assert.deepEqual(curvesOf(metrics).values, { loss: [1, 0.5], 'test.accuracy': [null, 0.5] });
  assert.deepEqual(await layersOf(path, metrics), {
    names: ['l0', 'l1'],
    sizes: [10, 10],
    densities: [
      [1, 0.5],
      [0.5, 0.25],
    ],
  });
  assert.equal(await readOn(path, metrics), metrics, 'nothing is read where nothing was added');
});

test('the file of a resumed run is read from its start, also where it is longer', async () => {
  const path = join(folder, 'resumed.jsonl');
  await writeFile(path, epoch(1) + epoch(2));
  const first = await readOn(path, noMetrics());
  await writeFile(`${path}.new`, epoch(1) + epoch(2, { resumed: true }) + epoch(3));
  await rename(`${path}.new`, path);
  const again = await readOn(path, first);
  assert.deepEqual(
    again.epochs.map((line) => line.epoch),
    [1, 2, 3],
  );
});

test('damaged lines and files that are not there are passed over', async () => {
  const path = join(folder, 'damaged.jsonl');
  await writeFile(path, `nonsense\n${epoch(1)}[1]\nnull\n`);
  assert.equal((await readOn(path, noMetrics())).epochs.length, 1);
  assert.equal((await readOn(join(folder, 'none'), noMetrics())).epochs.length, 0);
});
