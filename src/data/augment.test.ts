import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { integer, random, uniform } from '../base/index.js';
import { mirror, paddedCrop, resizedCrop } from './augment.js';
import { augmentation, type Image, type ImageShape } from './index.js';
import { crop, resize, resizeBox } from './pictures/resize.js';

const images = fc
  .record({
    channels: fc.integer({ min: 1, max: 3 }),
    height: fc.integer({ min: 1, max: 12 }),
    width: fc.integer({ min: 1, max: 12 }),
    seed: fc.integer({ min: 0, max: 1e6 }),
  })
  .map(({ seed, ...size }): Image => {
    const stream = random(seed);
    const data = Uint8Array.from({ length: size.channels * size.height * size.width }, () =>
      integer(stream, 256),
    );
    return { ...size, data };
  });

/** The value at a place that may lie outside the image. */
function at(
  { data, height, width }: Image,
  c: number,
  y: number,
  x: number,
  outside: (i: number, n: number) => number,
) {
  const [row, column] = [outside(y, height), outside(x, width)];
  return row < 0 || column < 0 ? 0 : data[(c * height + row) * width + column];
}

const black = (i: number, n: number) => (i < 0 || i >= n ? -1 : i);
const mirrored = (i: number, n: number) => (i < 0 ? -i : i >= n ? 2 * n - 2 - i : i);

test('a padded crop is a window of the padded image', () => {
  fc.assert(
    fc.property(
      images,
      fc.integer({ min: 0, max: 6 }),
      fc.boolean(),
      fc.integer(),
      (image, padding, reflected, seed) => {
        if (reflected) padding = Math.min(padding, Math.min(image.height, image.width) - 1);
        const result = paddedCrop(padding, reflected ? 'reflect' : 'zero')(image, random(seed));
        const draws = random(seed);
        const top = integer(draws, 2 * padding + 1) - padding;
        const left = integer(draws, 2 * padding + 1) - padding;
        for (let c = 0; c < image.channels; c++) {
          for (let y = 0; y < image.height; y++) {
            for (let x = 0; x < image.width; x++) {
              const expected = at(image, c, y + top, x + left, reflected ? mirrored : black);
              assert.equal(result.data[(c * image.height + y) * image.width + x], expected);
            }
          }
        }
      },
    ),
  );
});

test('a padded crop reaches every offset and no other', () => {
  const image: Image = {
    data: Uint8Array.from({ length: 25 }, (_, i) => i + 1),
    channels: 1,
    height: 5,
    width: 5,
  };
  const centres = new Set<number>();
  for (let i = 0; i < 400; i++) centres.add(paddedCrop(1)(image, random(3, i)).data[12]);
  assert.deepEqual(
    [...centres].sort((a, b) => a - b),
    [7, 8, 9, 12, 13, 14, 17, 18, 19],
  );
});

test('mirroring twice gives the image back, and once exchanges left and right', () => {
  fc.assert(fc.property(images, (image) => assert.deepEqual(mirror(mirror(image)), image)));
  const image: Image = { data: Uint8Array.of(1, 2, 3, 4, 5, 6), channels: 1, height: 2, width: 3 };
  assert.deepEqual([...mirror(image).data], [3, 2, 1, 6, 5, 4]);
});

test('a flip mirrors about half of the images', () => {
  const image: Image = { data: Uint8Array.of(1, 2), channels: 1, height: 1, width: 2 };
  const flip = augmentation({ flip: true }, [1, 1, 2]);
  let flipped = 0;
  for (let i = 0; i < 1000; i++) flipped += flip(image, random(5, i)).data[0] - 1;
  assert.ok(flipped > 430 && flipped < 570, `${flipped} of 1000`);
});

/** Resizing written down as its definition: every output pixel a weighted mean over the whole image. */
function resizeByDefinition(image: Image, height: number, width: number): number[] {
  const weight = (i: number, n: number, x: number, inputs: number) => {
    const ratio = inputs / n;
    const support = Math.max(1, ratio);
    return Math.max(0, 1 - Math.abs(x + 0.5 - (i + 0.5) * ratio) / support);
  };
  const result: number[] = [];
  for (let c = 0; c < image.channels; c++) {
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        let sum = 0;
        let total = 0;
        for (let y = 0; y < image.height; y++) {
          for (let x = 0; x < image.width; x++) {
            const w = weight(i, height, y, image.height) * weight(j, width, x, image.width);
            sum += w * image.data[(c * image.height + y) * image.width + x];
            total += w;
          }
        }
        result.push(sum / total);
      }
    }
  }
  return result;
}

const close = (a: ArrayLike<number>, b: ArrayLike<number>, tolerance = 1e-3) => {
  assert.equal(a.length, b.length);
  for (let i = 0; i < a.length; i++)
    assert.ok(Math.abs(a[i] - b[i]) <= tolerance, `${i}: ${a[i]} is not ${b[i]}`);
};

test('resizing is the triangle filter of its definition', () => {
  const side = fc.integer({ min: 1, max: 15 });
  fc.assert(
    fc.property(images, side, side, (image, height, width) => {
      close(resize(image, [image.channels, height, width]).data, resizeByDefinition(image, height, width));
    }),
  );
});

test('resizing to twice the size interpolates as everyone does, and to its own size changes nothing', () => {
  const image: Image = { data: Uint8Array.of(0, 100), channels: 1, height: 1, width: 2 };
  close(resize(image, [1, 1, 4]).data, [0, 25, 75, 100]);
  fc.assert(
    fc.property(images, (any) => close(resize(any, [any.channels, any.height, any.width]).data, any.data)),
  );
});

test('a box of whole pixels at its own size is a crop', () => {
  fc.assert(
    fc.property(images, fc.integer(), (image, seed) => {
      const stream = random(seed);
      const height = 1 + integer(stream, image.height);
      const width = 1 + integer(stream, image.width);
      const top = integer(stream, image.height - height + 1);
      const left = integer(stream, image.width - width + 1);
      const box = { top, left, height, width };
      close(resizeBox(image, box, [image.channels, height, width]).data, crop(image, box).data);
    }),
  );
});

/** An image whose two channels say where each pixel is, so that a crop can be read off the result. */
function coordinates(height: number, width: number): Image {
  const data = new Float32Array(2 * height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      data[y * width + x] = y + 0.5;
      data[(height + y) * width + x] = x + 0.5;
    }
  }
  return { data, channels: 2, height, width };
}

test("a random resized crop's area and aspect ratio stay within their bounds", () => {
  const shape: ImageShape = [2, 8, 8];
  const image = coordinates(200, 300);
  const areas: number[] = [];
  for (let i = 0; i < 200; i++) {
    const { data } = resizedCrop({}, shape)(image, random(1, i));
    const height = ((data[5 * 8] - data[2 * 8]) / 3) * 8;
    const width = ((data[64 + 5] - data[64 + 2]) / 3) * 8;
    const area = (height * width) / 60000;
    areas.push(area);
    assert.ok(area > 0.078 && area < 1.01, `area ${area}`);
    assert.ok(width / height > 0.72 && width / height < 1.38, `ratio ${width / height}`);
  }
  assert.ok(Math.min(...areas) < 0.15 && Math.max(...areas) > 0.8);
});

test('where no random crop fits, the largest centred part within the ratios is taken', () => {
  const { data } = resizedCrop({ scale: [1, 1] }, [2, 4, 4])(coordinates(10, 100), random(0));
  close([(data[0] + data[12]) / 2, (data[16] + data[19]) / 2], [5, 50], 0.51);
});

test('a centre crop resizes the shorter side and keeps the centre', () => {
  const { data, height, width } = augmentation({ centreCrop: { resize: 10 } }, [2, 8, 8])(
    coordinates(20, 40),
    random(0),
  );
  assert.deepEqual([height, width], [8, 8]);
  close([data[0], data[7 * 8], data[64], data[71]], [3, 17, 13, 27]);
});

test('an image of another size is brought to the shape by covering it', () => {
  const { data } = augmentation({}, [2, 4, 4])(coordinates(8, 16), random(0));
  close([data[4], data[8], data[17], data[18]], [3, 5, 7, 9]);
});

test('the steps of an augmentation draw in the order of its fields', () => {
  fc.assert(
    fc.property(images, fc.integer(), (image, seed) => {
      const shape: ImageShape = [image.channels, image.height, image.width];
      const stream = random(seed);
      const cropped = paddedCrop(2)(image, stream);
      const expected = uniform(stream) < 0.5 ? mirror(cropped) : cropped;
      assert.deepEqual(
        augmentation({ flip: true, crop: { padding: 2 } }, shape)(image, random(seed)),
        expected,
      );
    }),
  );
});

test('options out of range are named', () => {
  const shape: ImageShape = [1, 8, 8];
  const image: Image = { data: new Uint8Array(64), channels: 1, height: 8, width: 8 };
  assert.throws(() => augmentation({ crop: { padding: -1 } }, shape), /cannot pad by -1 pixels/);
  assert.throws(() => augmentation({ crop: { padding: 1.5 } }, shape), /cannot pad by 1.5 pixels/);
  assert.throws(
    () => augmentation({ centreCrop: { resize: 4 } }, shape),
    /8 × 8 does not fit a shorter side of 4/,
  );
  assert.throws(() => augmentation({ resizedCrop: { scale: [0, 1] } }, shape), /cannot have scale 0–1/);
  assert.throws(() => augmentation({ resizedCrop: { ratio: [2, 1] } }, shape), /ratio 2–1/);
  const tooWide = augmentation({ crop: { padding: 8, mode: 'reflect' } }, shape);
  assert.throws(() => tooWide(image, random(0)), /padding of 8 does not fit an image of 8 × 8/);
});
