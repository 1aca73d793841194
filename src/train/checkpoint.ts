/**
 * The file that a run goes on from: plain data and named float32 arrays.
 *
 *   "espalier"    8 bytes
 *   version       uint32, then the length of the header, uint32
 *   header        JSON, padded with spaces to a multiple of 4: { state, arrays: [[name, length], …] }
 *   arrays        one after the other
 *   SHA-256       of all that comes before
 *
 * Numbers are little-endian. It is written atomically, and read only if every byte of it is what was written.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fail, reason, writeAtomically } from '../base/index.js';

const MAGIC = 'espalier';
const VERSION = 1;
const START = 16;
const DIGEST = 32;
const SPACE = 32;

export interface Checkpoint<State> {
  /** Survives JSON. */
  state: State;
  arrays: ReadonlyMap<string, Float32Array>;
}

/** Writes the file. The arrays are copied before this returns its promise, so training may go on. */
export function writeCheckpoint<State>(path: string, checkpoint: Checkpoint<State>): Promise<void> {
  return writeAtomically(path, encode(checkpoint));
}

/** Reads the file, undefined where there is none. @throws UserError when it cannot be read, is damaged or not a checkpoint. */
export async function readCheckpoint<State>(path: string): Promise<Checkpoint<State> | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return fail(`Cannot read the checkpoint ${path}: ${reason(error)}.`);
  }
  return decode(bytes, path);
}

function encode<State>({ state, arrays }: Checkpoint<State>): Uint8Array {
  const lengths = [...arrays].map(([name, { length }]) => [name, length]);
  const json = new TextEncoder().encode(JSON.stringify({ state, arrays: lengths }));
  const header = Math.ceil(json.length / 4) * 4;
  const body = [...arrays.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  const bytes = new Uint8Array(START + header + body + DIGEST);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(MAGIC));
  view.setUint32(8, VERSION, true);
  view.setUint32(12, header, true);
  bytes.fill(SPACE, START, START + header);
  bytes.set(json, START);
  let at = START + header;
  for (const { buffer, byteOffset, byteLength } of arrays.values()) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  bytes.set(digest(bytes), at);
  return bytes;
}

function decode<State>(bytes: Uint8Array, path: string): Checkpoint<State> {
  const text = (from: number, to: number) => new TextDecoder().decode(bytes.subarray(from, to));
  if (bytes.length < START + DIGEST || text(0, 8) !== MAGIC)
    fail(`${path} is not a checkpoint, or only the beginning of one; remove it to start the run again.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const version = view.getUint32(8, true);
  if (version !== VERSION)
    fail(
      `The checkpoint ${path} has format ${version} but this espalier reads ${VERSION}; resume with the version of espalier that wrote it.`,
    );
  const written = bytes.subarray(bytes.length - DIGEST);
  if (!digest(bytes).every((byte, i) => byte === written[i]))
    fail(`The checkpoint ${path} is damaged: its checksum is wrong; remove it to start the run again.`);

  const header = view.getUint32(12, true);
  const { state, arrays } = JSON.parse(text(START, START + header));
  let at = START + header;
  const read = (length: number) => {
    const values = new Float32Array(length);
    new Uint8Array(values.buffer).set(bytes.subarray(at, at + values.byteLength));
    at += values.byteLength;
    return values;
  };
  return {
    state,
    arrays: new Map(arrays.map(([name, length]: [string, number]) => [name, read(length)])),
  };
}

/** Of all but the digest itself. */
const digest = (bytes: Uint8Array): Uint8Array =>
  createHash('sha256')
    .update(bytes.subarray(0, bytes.length - DIGEST))
    .digest();
