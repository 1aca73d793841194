/**
 * NumPy's .npy: the magic "\x93NUMPY", a version, the length of the header, the header (a Python dict of descr,
 * fortran_order and shape), then the elements. https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import { brief, fail, latin1 } from '../base/index.js';

export interface NumpyArray {
  readonly shape: readonly number[];
  /** Bytes stay bytes; every other type is read as float32. */
  readonly data: Uint8Array | Float32Array;
  /** Whether the file's type is one of whole numbers, or of truths. */
  readonly whole: boolean;
}

type Reader = (view: DataView, at: number, little: boolean) => number;

const READERS: Readonly<Record<string, Reader>> = {
  b1: (view, at) => view.getUint8(at),
  i1: (view, at) => view.getInt8(at),
  i2: (view, at, little) => view.getInt16(at, little),
  u2: (view, at, little) => view.getUint16(at, little),
  i4: (view, at, little) => view.getInt32(at, little),
  u4: (view, at, little) => view.getUint32(at, little),
  i8: (view, at, little) => Number(view.getBigInt64(at, little)),
  u8: (view, at, little) => Number(view.getBigUint64(at, little)),
  f2: (view, at, little) => half(view.getUint16(at, little)),
  f4: (view, at, little) => view.getFloat32(at, little),
  f8: (view, at, little) => view.getFloat64(at, little),
};

/** Reads an array. @throws UserError, naming it by `where`, when it is damaged or of a kind that is not read here. */
export function readNpy(bytes: Uint8Array, where: string): NumpyArray {
  const header = readHeader(bytes, where);
  const descr = /'descr':\s*'([<>|=])([biuf])(\d)'/.exec(header.text);
  const order = /'fortran_order':\s*(True|False)/.exec(header.text)?.[1];
  const dimensions = /'shape':\s*\(([\d,\s]*)\)/.exec(header.text)?.[1];
  if (!descr || !order || dimensions === undefined) {
    fail(
      `${where} has a header or an element type that is not read here (${brief(header.text.trim())}); save plain numbers with numpy.savez.`,
    );
  }
  const shape = (dimensions.match(/\d+/g) ?? []).map(Number);
  if (order === 'True' && shape.length > 1) {
    fail(`${where} is stored in Fortran order; save it with numpy.ascontiguousarray.`);
  }
  const [, endian, kind, width] = descr;
  const count = shape.reduce((product, d) => product * d, 1);
  const body = bytes.subarray(header.end);
  if (count * Number(width) !== body.length) {
    fail(
      `${where} holds ${body.length} bytes where its header says ${shape.join(' × ')} elements of ${width}; it is damaged: save it again.`,
    );
  }
  const whole = kind !== 'f';
  if (`${kind}${width}` === 'u1') return { shape, data: body, whole };
  const read =
    READERS[kind + width] ??
    fail(`${where} has elements of type ${kind}${width}, which is not read here; save it as float32.`);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const data = new Float32Array(count);
  for (let i = 0; i < count; i++) data[i] = read(view, i * Number(width), endian !== '>');
  return { shape, data, whole };
}

function readHeader(bytes: Uint8Array, where: string): { text: string; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const begin = bytes[6] === 1 ? 10 : 12;
  if (latin1(bytes.subarray(0, 6)) !== '\x93NUMPY' || bytes.length < begin) {
    fail(`${where} is not a NumPy array (its first bytes are wrong); save it again.`);
  }
  const end = begin + (begin === 10 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (end > bytes.length) fail(`${where} is cut short within its header; save it again.`);
  return { text: latin1(bytes.subarray(begin, end)), end };
}

/** The value of a float16: sign, 5 bits of exponent (bias 15), 10 of fraction. */
function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const magnitude =
    exponent === 0
      ? fraction * 2 ** -24
      : exponent === 31
        ? fraction
          ? Number.NaN
          : Number.POSITIVE_INFINITY
        : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -magnitude : magnitude;
}
