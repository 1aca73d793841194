/** For tests: NumPy's files, as NumPy writes them. */
import { zipSync } from 'fflate';

/** An .npy file: version 1, the header padded to 64 bytes. */
export function npy(descr: string, shape: number[], data: ArrayBufferView, fortran = 'False'): Uint8Array {
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dict = `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': (${dims}), }`;
  const text = `${dict.padEnd(Math.ceil((dict.length + 11) / 64) * 64 - 11)}\n`;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(text.length);
  const body = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(text), body]);
}

/** An .npz of .npy files by the names of their arrays. */
export function archive(arrays: Record<string, Uint8Array>, level: 0 | 6 = 6): Uint8Array {
  const entries = Object.entries(arrays).map(([name, bytes]) => [`${name}.npy`, bytes]);
  return zipSync(Object.fromEntries(entries), { level });
}

/** Real numbers, in float32. */
export const reals = (shape: number[], values: Iterable<number>): Uint8Array =>
  npy('<f4', shape, Float32Array.from(values));

/** Whole numbers, in int64. */
export const wholes = (shape: number[], values: Iterable<number>): Uint8Array =>
  npy('<i8', shape, BigInt64Array.from([...values], BigInt));

/** An .npz of a few grey pictures of 8 × 8 in two classes, of which a step is short even on a GPU that software stands in for. */
export function fewPictures(): Uint8Array {
  const y = Array.from({ length: 16 }, (_, n) => n % 2);
  const x = y.flatMap((label, n) => Array.from({ length: 64 }, (_, i) => Math.sin(n + i) + label));
  const [images, labels] = [reals([16, 1, 8, 8], x), wholes([16], y)];
  return archive({ x_train: images, y_train: labels, x_test: images, y_test: labels });
}
