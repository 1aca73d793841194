/**
 * Models packed for the way to where they run: of each weight only what is not 0.
 *
 *     'ESPK'  version  flags  checksum  deflated  inflated  values     text, then six uint32; bytes of, bytes of, number of
 *     deflated: uint32 length of the list, the list, length of the model, the model, positions
 *     values: float32, or float16 where flag 1 is set
 *
 * The list (JSON) names the packed tensors and their shapes; the model is an .onnx without them. Positions are, for each output
 * channel (first axis) of each tensor, how many weights it has, and how many zeros stand before each of them, as variable-length
 * integers of seven bits a byte, the low ones first. The checksum is the CRC-32 of all that follows it. Little-endian.
 */
import { fail, MOST_PER_BYTE, refuseBomb, UserError } from '../base/index.js';
import {
  type DType,
  fromFloat16,
  type Graph,
  parseModel,
  serializeModel,
  sizeOf,
  type Tensor,
  toFloat16,
} from '../onnx/index.js';

/** Options of {@link pack}. */
export interface PackOptions {
  /** What values are kept as; float16 halves the file and rounds weights to 11 bits. Default float32, or float16 where all are that. */
  values?: 'float32' | 'float16';
}

const MAGIC = 0x4b505345;
const VERSION = 1;
const HEAD = 28;
const HALF = 1;
/** Tensors of fewer elements stay in the model. */
const WORTH = 64;

interface Listed {
  name: string;
  shape: number[];
}

/** Whether bytes begin as a packed model does. */
export const isPacked = (bytes: Uint8Array): boolean =>
  bytes.length >= HEAD && view(bytes).getUint32(0, true) === MAGIC;

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A model as bytes that `load` reads. Weights that are mostly 0 are packed, all others kept as they are. */
export async function pack(graph: Graph, options: PackOptions = {}): Promise<Uint8Array> {
  const list: Listed[] = [];
  const positions: number[] = [];
  const kept: number[] = [];
  const initializers = new Map(graph.initializers);
  const dtypes = new Set<DType>();
  for (const [name, tensor] of graph.initializers) {
    if (!isWorthIt(tensor)) continue;
    dtypes.add(tensor.dtype);
    list.push({ name, shape: tensor.shape });
    initializers.set(name, { ...tensor, shape: [0], data: new Float32Array(0) });
    packTensor(tensor, positions, kept);
  }
  const { values = dtypes.size === 1 && dtypes.has('float16') ? 'float16' : 'float32' } = options;
  const text = new TextEncoder().encode(JSON.stringify(list));
  const model = serializeModel({ ...graph, initializers });
  const inflated = joined([word(text.length), text, word(model.length), model, Uint8Array.from(positions)]);
  const deflated = await through(inflated, new CompressionStream('deflate-raw'), Number.POSITIVE_INFINITY);
  const body =
    values === 'float16'
      ? new Uint8Array(Uint16Array.from(kept, toFloat16).buffer)
      : new Uint8Array(Float32Array.from(kept).buffer);
  const bytes = joined([new Uint8Array(HEAD), deflated, body]);
  const head = view(bytes);
  const words = [
    MAGIC,
    VERSION,
    values === 'float16' ? HALF : 0,
    0,
    deflated.length,
    inflated.length,
    kept.length,
  ];
  for (const [i, value] of words.entries()) head.setUint32(4 * i, value, true);
  head.setUint32(12, crc32(bytes.subarray(16)), true);
  return bytes;
}

/** At least half of it is 0. */
function isWorthIt({ shape, data }: Tensor): boolean {
  if (!(data instanceof Float32Array) || shape.length < 2 || data.length < WORTH) return false;
  let count = 0;
  for (const value of data) if (value !== 0) count++;
  return count <= data.length / 2;
}

function packTensor({ shape, data }: Tensor, positions: number[], kept: number[]): void {
  const row = data.length / shape[0];
  for (let start = 0; start < data.length; start += row) {
    const here: number[] = [];
    for (let i = 0, last = -1; i < row; i++) {
      const value = data[start + i] as number;
      if (value === 0) continue;
      here.push(i - last - 1);
      kept.push(value);
      last = i;
    }
    for (const number of [here.length, ...here]) {
      let rest = number;
      for (; rest > 127; rest >>>= 7) positions.push((rest & 127) | 128);
      positions.push(rest);
    }
  }
}

/**
 * The model in packed bytes.
 * @throws UserError when they are damaged, cut short, or of a later version.
 */
export async function unpack(bytes: Uint8Array, name = 'the packed model'): Promise<Graph> {
  const damaged = (): never => fail(`${name} is damaged or cut short; download or pack it again.`);
  if (!isPacked(bytes)) return damaged();
  const [, version, flags, checksum, deflated, inflated, count] = Array.from({ length: 7 }, (_, i) =>
    view(bytes).getUint32(4 * i, true),
  );
  if (version !== VERSION || flags > HALF)
    fail(
      `${name} is packed in version ${version}, but version ${VERSION} is what is read here; update espalier.`,
    );
  const size = flags & HALF ? 2 : 4;
  if (bytes.length !== HEAD + deflated + size * count || crc32(bytes.subarray(16)) !== checksum) damaged();
  if (inflated > deflated * MOST_PER_BYTE) damaged();
  refuseBomb(name, inflated, 'use the model as .onnx');
  try {
    const plain = await through(
      bytes.subarray(HEAD, HEAD + deflated),
      new DecompressionStream('deflate-raw'),
      inflated,
    );
    if (plain.length !== inflated) return damaged();
    return await unpackParts(plain, new Uint8Array(bytes.subarray(HEAD + deflated)), { size, name });
  } catch (error) {
    if (error instanceof UserError) throw error;
    return damaged();
  }
}

async function unpackParts(
  plain: Uint8Array,
  body: Uint8Array,
  { size, name: file }: { size: number; name: string },
): Promise<Graph> {
  let at = 0;
  const part = (): Uint8Array => {
    const length = view(plain).getUint32(at, true);
    at += 4 + length;
    if (at > plain.length) throw new RangeError('a part ends behind the end');
    return plain.subarray(at - length, at);
  };
  const list = JSON.parse(new TextDecoder().decode(part())) as Listed[];
  if (!list.every(isListed)) throw new RangeError('what is listed are no tensors');
  refuseBomb(file, 4 * list.reduce((sum, { shape }) => sum + sizeOf(shape), 0), 'use the model as .onnx');
  const graph = await parseModel(part().slice());
  const values =
    size === 2 ? Float32Array.from(new Uint16Array(body.buffer), fromFloat16) : new Float32Array(body.buffer);
  let taken = 0;
  const number = (): number => {
    for (let result = 0, shift = 0; shift < 32; shift += 7) {
      const byte = plain[at++];
      if (byte === undefined) break;
      result |= (byte & 127) << shift;
      if (byte < 128) return result;
    }
    throw new RangeError('a number does not end');
  };
  for (const { name, shape } of list) {
    const elements = sizeOf(shape);
    const empty = graph.initializers.get(name);
    if (!empty) throw new RangeError('a tensor is listed that the model has not');
    const data = new Float32Array(elements);
    const row = elements / shape[0];
    for (let start = 0; start < elements; start += row) {
      let position = start - 1;
      for (let left = number(); left > 0; left--) {
        position += number() + 1;
        if (position >= start + row || taken >= values.length) throw new RangeError('a weight lies outside');
        data[position] = values[taken++];
      }
    }
    graph.initializers.set(name, { ...empty, shape, data });
  }
  if (taken !== values.length || at !== plain.length) throw new RangeError('something is left over');
  return graph;
}

const isListed = ({ name, shape }: Listed): boolean =>
  typeof name === 'string' &&
  Array.isArray(shape) &&
  shape.length > 0 &&
  shape.every((dim) => Number.isInteger(dim) && dim > 0);

const word = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** What a stream makes of bytes. @throws RangeError where that is more than `most`. */
async function through(
  bytes: Uint8Array,
  stream: CompressionStream | DecompressionStream,
  most: number,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(stream).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return joined(parts);
    length += value.length;
    if (length > most) throw new RangeError('more comes out than was promised');
    parts.push(value);
  }
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
