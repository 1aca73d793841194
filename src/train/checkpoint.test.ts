import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { readCheckpoint, writeCheckpoint } from './checkpoint.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-checkpoint-'));
});
after(() => rm(folder, { recursive: true }));

const arrays = new Map([
  ['weight/a', Float32Array.of(1, -0, 1e-40, 3.5)],
  ['weight/é', new Float32Array(0)],
  ['mask/a', Float32Array.of(1, 0, 1, 1)],
]);
const state = { epoch: 3, sums: { loss: 0.1 + 0.2 }, note: 'é' };

test('what was written is read, to the bit', async () => {
  const path = join(folder, 'whole');
  const wider = Float32Array.of(9, 8, 7, 6).subarray(1, 3);
  await writeCheckpoint(path, { state, arrays: new Map([...arrays, ['view', wider]]) });
  const read = await readCheckpoint(path);
  assert.deepEqual(read!.state, state);
  assert.deepEqual([...read!.arrays.keys()], [...arrays.keys(), 'view']);
  for (const [name, values] of arrays)
    assert.deepEqual(new Uint32Array(read!.arrays.get(name)!.buffer), new Uint32Array(values.buffer));
  assert.deepEqual([...read!.arrays.get('view')!], [8, 7]);
});

test('arrays are copied at once', async () => {
  const path = join(folder, 'copied');
  const values = Float32Array.of(1, 2);
  const written = writeCheckpoint(path, { state, arrays: new Map([['w', values]]) });
  values.fill(0);
  await written;
  assert.deepEqual([...(await readCheckpoint(path))!.arrays.get('w')!], [1, 2]);
});

test('one that is not there is undefined, one that cannot be written a sentence', async () => {
  assert.equal(await readCheckpoint(join(folder, 'none')), undefined);
  await assert.rejects(writeCheckpoint(join(folder, 'none', 'x'), { state, arrays }), { name: 'UserError' });
});

test('every cut and every changed byte is noticed', async () => {
  const path = join(folder, 'broken');
  await writeCheckpoint(path, { state, arrays });
  const whole = await readFile(path);
  const refused = async (bytes: Uint8Array) => {
    await writeFile(path, bytes);
    await assert.rejects(readCheckpoint(path), { name: 'UserError', message: /broken/ });
  };
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), (length) => refused(whole.subarray(0, length))),
    { numRuns: 50 },
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Uint8Array.from(whole);
      bytes[at] ^= change;
      return refused(bytes);
    }),
    { numRuns: 100 },
  );
});
