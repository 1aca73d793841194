/** Models in files: reading them with the external data they point to, and writing them whole or not at all. */
import { open, realpath, stat } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import { fail, inGigabytes, reason, UserError, writeAtomically } from '../base/index.js';
import type { Graph } from './model.js';
import { parseModel } from './parse.js';
import { serializeModel } from './serialize.js';

/**
 * Reads an .onnx file and the external data it points to, which must lie in its folder or below.
 * @param memory the most bytes of external data.
 * @throws UserError when a file cannot be read or is no valid model.
 */
export async function readModel(path: string, memory = totalmem()): Promise<Graph> {
  const name = basename(path);
  const bytes = await readPart(path, 0, undefined, path);
  // Many tensors may point to the same bytes, and a small file so to more than there is memory.
  let total = 0;
  return parseModel(bytes, {
    name,
    async external(location, offset, length) {
      const part = await readExternal(path, location, offset, length);
      total += part.length;
      if (total <= memory) return part;
      return fail(
        `${name} has more than ${inGigabytes(memory)} of external data, which is all the memory of this machine; use a smaller model or a machine with more memory.`,
      );
    },
  });
}

/**
 * Writes an .onnx file, weights inside.
 * @throws UserError when the model is 2 GiB or larger, or the file cannot be written.
 */
export async function writeModel(path: string, graph: Graph): Promise<void> {
  await writeAtomically(path, serializeModel(graph));
}

async function readExternal(
  model: string,
  location: string,
  offset: number,
  length: number | undefined,
): Promise<Uint8Array> {
  const where = `${basename(model)}: external data ${location}`;
  const folder = await realpath(dirname(model));
  if (isAbsolute(location) || location.split(/[\\/]/).includes('..') || location.includes('\0'))
    outside(where);
  const target = await realpath(join(folder, location)).catch((error) =>
    fail(`${where} cannot be read: ${reason(error)}; put it beside the model.`),
  );
  const inner = relative(folder, target);
  if (isAbsolute(inner) || inner === '..' || inner.startsWith(`..${sep}`)) outside(where);
  return readPart(target, offset, length, where);
}

function outside(where: string): never {
  fail(`${where} lies outside the model's folder, which is refused; put it beside the model.`);
}

/** Reads `length` bytes at `offset`, or all from there, once the file is known to have them. */
async function readPart(
  path: string,
  offset: number,
  length: number | undefined,
  where: string,
): Promise<Uint8Array> {
  try {
    const info = await stat(path);
    if (!info.isFile())
      fail(`Cannot read ${where}: it is not a regular file; give the path of an .onnx file.`);
    const wanted = length ?? Math.max(0, info.size - offset);
    if (offset + wanted > info.size) {
      fail(
        `${where} should have ${wanted} bytes at ${offset} but the file ends at ${info.size}; it is cut short.`,
      );
    }
    const file = await open(path, 'r');
    try {
      return await readFully(file, offset, wanted, where);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    return fail(`Cannot read ${where}: ${reason(error)}; check the path.`);
  }
}

type File = Awaited<ReturnType<typeof open>>;

async function readFully(file: File, offset: number, length: number, where: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, Math.min(length - done, 2 ** 30), offset + done);
    if (bytesRead === 0) fail(`${where} was cut short while it was being read; try again.`);
    done += bytesRead;
  }
  return bytes;
}
