/**
 * CIFAR-10 and CIFAR-100 in their binary form: records of one label byte (CIFAR-100: the coarse label, then the fine one,
 * which is used) and 3 × 32 × 32 bytes, channels first. https://www.cs.toronto.edu/~kriz/cifar.html
 */
import { fail } from '../base/index.js';
import type { ImageShape, Split } from './dataset.js';
import type { Found } from './source.js';

const SHAPE: ImageShape = [3, 32, 32];
const PIXELS = 3072;

/**
 * The split that record files make, one after the other.
 *
 * @throws UserError when a file is not a whole number of records, or a label is out of range.
 */
export function cifarSplit(files: readonly Found[], labelBytes: 1 | 2, classes: number): Split {
  const record = labelBytes + PIXELS;
  const parts = files.map(({ path, bytes }) => {
    if (bytes.length === 0 || bytes.length % record) {
      fail(
        `${path} has ${bytes.length} bytes, which is not a whole number of records of ${record}; it is cut short or not the binary version of CIFAR-${classes}: download it again.`,
      );
    }
    const labels = new Int32Array(bytes.length / record);
    for (let i = 0; i < labels.length; i++) labels[i] = bytes[i * record + labelBytes - 1];
    checkLabels(labels, classes, path);
    return { bytes, labels };
  });
  const starts = parts.map((_, part) =>
    parts.slice(0, part).reduce((sum, { labels }) => sum + labels.length, 0),
  );
  const labels = Int32Array.from(parts.flatMap((part) => Array.from(part.labels)));
  return {
    length: labels.length,
    labels,
    arrays: [
      {
        kind: 'images',
        shape: SHAPE,
        at(index) {
          const part = starts.findLastIndex((start) => start <= index);
          const offset = (index - starts[part]) * record + labelBytes;
          const data = parts[part].bytes.subarray(offset, offset + PIXELS);
          return { data, channels: 3, height: 32, width: 32 };
        },
      },
    ],
  };
}

/** @throws UserError when a label is not one of `classes`. */
export function checkLabels(labels: Int32Array, classes: number, path: string): void {
  const bad = labels.findIndex((label) => label < 0 || label >= classes);
  if (bad >= 0) {
    fail(
      `${path} gives image ${bad} the label ${labels[bad]}, but there are ${classes} classes (0 to ${classes - 1}); it is damaged or another data set: download it again.`,
    );
  }
}
