/**
 * Writes a small set of photos, as a person has them: PNG files of 64 × 64 pixels in a folder for each class, 611 of them of which a
 * tenth is not for training, and 1,000 more to test on, so that a per cent of accuracy is ten pictures.
 *
 *     node bench/photos.mjs DIR [--train 550] [--test 1000] [--size 64] [--dev]
 *
 * Four classes are of CIFAR-10, four of Fashion-MNIST, the first pictures of each in the order of the files; both sets are found as every
 * command finds them (ESPALIER_DATA, or the cache). With --dev those to test on are further pictures of the sets' training files, for
 * choosing settings without looking at test data.
 */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { openDataset } from '../dist/data/index.js';

const CLASSES = {
  cifar10: ['airplane', 'automobile', 'frog', 'horse'],
  'fashion-mnist': ['Pullover', 'Coat', 'Shirt', 'Sneaker'],
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    train: { type: 'string', default: '550' },
    test: { type: 'string', default: '1000' },
    size: { type: 'string', default: '64' },
    dev: { type: 'boolean', default: false },
  },
});
const [root] = positionals;
if (!root || existsSync(root)) {
  console.error(root ? `${root} exists already; name a new folder.` : 'Name the folder to write.');
  process.exit(1);
}
const size = Number(values.size);
const names = Object.entries(CLASSES).flatMap(([set, some]) => some.map((name) => ({ set, name })));

/** Of `count` pictures, those of class `i`. */
const shareOf = (count, i) =>
  Math.floor((count * (i + 1)) / names.length) - Math.floor((count * i) / names.length);

async function write(image, path) {
  const { data, channels, height, width } = image;
  const pixels = Buffer.alloc(3 * height * width);
  for (let i = 0; i < height * width; i++)
    for (let c = 0; c < 3; c++) pixels[3 * i + c] = data[Math.min(c, channels - 1) * height * width + i];
  await sharp(pixels, { raw: { width, height, channels: 3 } })
    .resize(size, size, { kernel: 'cubic' })
    .png()
    .toFile(path);
}

const sets = Object.fromEntries(
  await Promise.all(Object.keys(CLASSES).map(async (set) => [set, await openDataset(set)])),
);
for (const [part, count] of [
  ['train', Number(values.train)],
  ['test', Number(values.test)],
])
  for (const [i, { set, name }] of names.entries()) {
    const fromTrain = part === 'train' || values.dev;
    const split = sets[set][fromTrain ? 'train' : 'test'];
    let skipped = part === 'test' && values.dev ? shareOf(Number(values.train), i) : 0;
    const label = sets[set].classes.indexOf(name);
    const folder = join(root, part, name.toLowerCase());
    await mkdir(folder, { recursive: true });
    let left = shareOf(count, i);
    for (let index = 0; left > 0 && index < split.length; index++) {
      if (split.labels[index] !== label || skipped-- > 0) continue;
      await write(await split.arrays[0].at(index), join(folder, `${String(index).padStart(5, '0')}.png`));
      left--;
    }
  }
console.log(`${values.train} pictures to train on and ${values.test} to test on in ${root}`);
