import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import sharp from 'sharp';
import { memorySplit, splitValidation, subset } from './dataset.js';
import { difference, digestOf, digestOfParts } from './digest.js';
import { openDataset } from './open.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-digest-'));
after(() => rmSync(root, { recursive: true, force: true }));

const split = (pixels: number[], labels: number[] = pixels.map(() => 0)) =>
  memorySplit(Uint8Array.from(pixels), Int32Array.from(labels), [1, 1, 1]);

test('alike samples have the same digest; another pixel, label, order or number is named', async () => {
  const train = split([1, 2, 3]);
  const first = await digestOfParts({ train });
  const other = async (changed: typeof train) => difference(first, await digestOfParts({ train: changed }));
  assert.equal(await other(split([1, 2, 3])), undefined);
  assert.equal(await other(split([1, 2, 4])), 'the training samples differ');
  assert.equal(await other(split([2, 1, 3])), 'the training samples differ');
  assert.equal(await other(split([1, 2, 3], [0, 0, 1])), 'the labels of the training samples differ');
  assert.equal(await other(split([1, 2])), 'the number of training samples was 3 and is 2');
  const tested = await digestOfParts({ train, test: split([7]) });
  assert.equal(difference(tested, first), 'the number of test samples was 1 and is 0');
});

test('a part of a split is told from another part', async () => {
  const whole = split(Array.from({ length: 40 }, (_, i) => i));
  const part = (seed: number) => digestOfParts(splitValidation(whole, 0.25, seed));
  assert.deepEqual(await part(1), await part(1));
  assert.equal(difference(await part(1), await part(2)), 'the training samples differ');
});

test('pictures in folders are told apart by names and sizes', async () => {
  const png = await sharp({ create: { width: 2, height: 2, channels: 3, background: '#123' } })
    .png()
    .toBuffer();
  // What stands behind a picture's end is not read.
  const picture = (file: string, more: number) =>
    writeFileSync(join(root, file), Buffer.concat([png, Buffer.alloc(more)]));
  for (const name of ['cat', 'dog']) {
    mkdirSync(join(root, name));
    for (let i = 0; i < 6; i++) picture(`${name}/${i}.png`, 10 + i);
  }
  const now = async () => digestOfParts(await openDataset(`images:${root}`));
  const before = await now();
  assert.equal(difference(before, await now()), undefined);
  for (let i = 0; i < 6; i++) picture(`dog/${i}.png`, 20 + i);
  assert.match(difference(before, await now())!, /^the training samples differ/);
});

test('samples made one by one have no digest, and only what is known is compared', async () => {
  const made = (by: number) => ({
    ...split([1, 2]),
    arrays: [
      {
        ...({ kind: 'images', shape: [1, 1, 1] } as const),
        at: async () => ({ data: Uint8Array.of(by), channels: 1, height: 1, width: 1 }),
      },
    ],
  });
  assert.equal((await digestOf(made(1))).samples, undefined);
  assert.equal(
    difference(await digestOfParts({ train: made(1) }), await digestOfParts({ train: made(2) })),
    undefined,
  );
  const digested = (by: string) => {
    const { arrays, ...rest } = made(1);
    return { ...rest, arrays: [{ ...arrays[0], digest: async () => by }] };
  };
  const half = (by: string) => digestOf(subset(digested(by), Uint32Array.of(1)));
  assert.deepEqual(await half('a'), await half('a'));
  assert.notDeepEqual(await half('a'), await half('b'));
  assert.notDeepEqual(await half('a'), await digestOf(subset(digested('a'), Uint32Array.of(0))));
});
