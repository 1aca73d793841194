/**
 * IDX, the format of MNIST and Fashion-MNIST: two zero bytes, the element type (8: unsigned byte), the number of
 * dimensions, each dimension as a big-endian 32-bit integer, then the bytes. http://yann.lecun.com/exdb/mnist/
 */
import { fail } from '../base/index.js';
import { checkLabels } from './cifar.js';
import { memorySplit, type Split } from './dataset.js';
import type { Found } from './source.js';

/** The dimensions and the bytes of an IDX file. @throws UserError when its header or its size is wrong. */
export function readIdx({ path, bytes }: Found, rank: number): { dimensions: number[]; data: Uint8Array } {
  const header = 4 + 4 * rank;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < header || view.getUint32(0) !== 0x800 + rank) {
    fail(
      `${path} does not begin like an IDX file of bytes in ${rank} dimensions; it is damaged or another file: download it again.`,
    );
  }
  const dimensions = Array.from({ length: rank }, (_, d) => view.getUint32(4 + 4 * d));
  const data = bytes.subarray(header);
  const expected = dimensions.reduce((product, d) => product * d, 1);
  if (data.length !== expected || expected === 0) {
    fail(
      `${path} holds ${data.length} bytes of data where its header says ${dimensions.join(' × ')}; it is cut short or damaged: download it again.`,
    );
  }
  return { dimensions, data };
}

/** The split of an image file and its label file. @throws UserError when one is damaged or they do not belong together. */
export function idxSplit(imageFile: Found, labelFile: Found, classes: number): Split {
  const images = readIdx(imageFile, 3);
  const labels = Int32Array.from(readIdx(labelFile, 1).data);
  const [count, height, width] = images.dimensions;
  if (labels.length !== count) {
    fail(
      `${imageFile.path} holds ${count} images but ${labelFile.path} ${labels.length} labels; they do not belong together: download both again.`,
    );
  }
  checkLabels(labels, classes, labelFile.path);
  return memorySplit(images.data, labels, [1, height, width]);
}
