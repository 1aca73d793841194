import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { trainDigits } from './digits.test.fixture.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What V8 compiles and keeps settles within the first 500 steps. */
test('1,000 steps: resident memory is flat once all is warm', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-memory-'));
  const resident: number[] = [];
  let steps = 0;
  await trainDigits({
    epochs: 13,
    batch: 16,
    checkpoint: { path: join(folder, 'checkpoint'), seconds: 0.1 },
    onStep() {
      if (++steps % 25 !== 0) return;
      collect();
      resident.push(process.memoryUsage.rss() / 1e6);
    },
  });
  await rm(folder, { recursive: true });
  assert.ok(steps > 1000);
  const first = Math.min(...resident.slice(20, 28));
  const last = Math.min(...resident.slice(-8));
  assert.ok(last - first < 5, `${first} MB at first, ${last} MB at last: ${resident.map(Math.round)}`);
});
