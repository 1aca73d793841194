/** Pictures with class maps: found, read, and moved together. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { random } from '../base/index.js';
import { augmentation } from './augment.js';
import { batches } from './batches.js';
import { movedClassMap } from './class-maps.js';
import { openDataset } from './open.js';
import type { Image } from './pictures/image.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-maps-'));
after(() => rmSync(root, { recursive: true, force: true }));

const SIDE = 16;
const sharp = (await import('sharp')).default;

/** Dark left of a column and light from there on, whose class is `second`. */
async function pair(folder: string, name: string, column: number, { second = 1, palette = false } = {}) {
  for (const kind of ['images', 'masks']) mkdirSync(join(folder, kind), { recursive: true });
  const raw = { width: SIDE, height: SIDE, channels: 3 as const };
  const pixels = (of: (light: boolean) => number[]) =>
    Buffer.from(Array.from({ length: SIDE * SIDE }, (_, i) => of(i % SIDE >= column)).flat());
  await sharp(
    pixels((light) => (light ? [240, 240, 240] : [10, 10, 10])),
    { raw },
  )
    .png()
    .toFile(join(folder, 'images', `${name}.png`));
  if (palette)
    await sharp(
      pixels((light) => (light ? [255, 0, 0] : [0, 0, 255])),
      { raw },
    )
      .png({ palette: true, colours: 2, dither: 0 })
      .toFile(join(folder, 'masks', `${name}.png`));
  else
    await sharp(
      Buffer.from(Array.from({ length: SIDE * SIDE }, (_, i) => (i % SIDE >= column ? second : 0))),
      {
        raw: { ...raw, channels: 1 },
      },
    )
      .toColourspace('b-w')
      .png()
      .toFile(join(folder, 'masks', `${name}.png`));
}

const open = (folder: string, size?: number) =>
  openDataset(`images:${folder}`, { targets: ['y'], classMaps: true, size });

before(async () => {
  for (let k = 0; k < 6; k++) await pair(join(root, 'plain'), `p${k}`, 4 + k);
});

test('every picture has the class map of its name, moved with it', async () => {
  const { train, test: held, augment, classes, ...normalize } = await open(join(root, 'plain'));
  assert.deepEqual([train.length, held!.length, classes], [5, 1, []]);
  let [checked, uncertain] = [0, 0];
  for (const how of [augment.test, augment.train, { resizedCrop: true, flip: true }])
    for await (const { inputs, targets } of batches(train, { batch: 2, normalize, seed: 3, augment: how })) {
      const { y } = targets!;
      const pixels = inputs as Float32Array;
      const plane = SIDE * SIDE;
      for (let i = 0; i < y.length; i++) {
        const pixel = pixels[Math.floor(i / plane) * 3 * plane + (i % plane)];
        const value = pixel * normalize.std[0] + normalize.mean[0];
        if (value > 0.1 && value < 0.85) uncertain++;
        else if (y[i] === 255) assert.ok(value < 0.1);
        else assert.equal(y[i], value > 0.5 ? 1 : 0);
        checked++;
      }
    }
  assert.ok(uncertain < checked / 8, `${uncertain} of ${checked}`);
});

test('parts, another size, and numbers by a palette', async () => {
  for (const part of ['train', 'val'])
    for (let k = 0; k < 2; k++) await pair(join(root, 'parts', part), `p${k}`, 8, { palette: true });
  const { train, test: held, ...normalize } = await open(join(root, 'parts'), 8);
  assert.deepEqual([train.length, held!.length, train.targets![0].shape], [2, 2, [8, 8]]);
  const augment = { fit: 'crop' } as const;
  for await (const { targets } of batches(train, { batch: 2, normalize, augment })) {
    const row = [...targets!.y.subarray(0, 8)];
    assert.deepEqual(
      [new Set(row.slice(0, 4)).size, new Set(row.slice(4)).size, new Set(row).size],
      [1, 1, 2],
    );
    assert.ok(row.every((label) => label < 2));
  }
});

test('what is no class map is refused in a sentence', async () => {
  const is = (message: RegExp) => ({ name: 'UserError', message });
  await assert.rejects(open(root), is(/has no folder images and no folder masks; give pictures in images/));
  await assert.rejects(
    openDataset(`images:${join(root, 'plain')}`),
    is(/has pictures in images and class maps in masks: give --learn dense/),
  );
  const lacking = join(root, 'lacking');
  await pair(lacking, 'a', 4);
  await pair(lacking, 'b', 4);
  rmSync(join(lacking, 'masks', 'b.png'));
  await assert.rejects(
    open(lacking),
    is(/images\/b.png in .* has no class map; give a PNG of the same name in masks/),
  );
  const white = join(root, 'white');
  for (const name of ['a', 'b']) await pair(white, name, 4, { second: 255 });
  await assert.rejects(open(white), is(/hold 0 and 255 only, and 255 is where no class is known; save/));
  const colours = join(root, 'colours');
  await pair(colours, 'a', 4);
  await sharp({ create: { width: SIDE, height: SIDE, channels: 3, background: 'red' } })
    .png()
    .toFile(join(colours, 'masks', 'a.png'));
  await assert.rejects(
    open(colours),
    is(/a.png has colours, but pixels of a class map are numbers of classes/),
  );
  const large = join(root, 'large');
  await pair(large, 'a', 4);
  await sharp({ create: { width: 9, height: SIDE, channels: 3, background: 'black' } })
    .png()
    .toFile(join(large, 'masks', 'a.png'));
  await assert.rejects(open(large), is(/a.png has 16 × 9 pixels but its picture 16 × 16; a class map has/));
});

test('beyond the edge no class is known, and classes are not mixed', () => {
  const map: Image = { data: Uint8Array.of(3, 3, 7, 7), channels: 1, height: 2, width: 2 };
  const padded = movedClassMap(map, (image) =>
    augmentation({ fit: 'pad' }, [1, 4, 8])(image, random(1, 'x')),
  );
  assert.deepEqual([padded.height, padded.width], [4, 8]);
  assert.deepEqual(new Set(padded.data), new Set([3, 7, 255]));
  assert.deepEqual([...padded.data.subarray(0, 8)], [255, 255, 3, 3, 3, 3, 255, 255]);
});
