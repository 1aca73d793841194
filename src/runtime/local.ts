/** Models in files: only where there are any, in Node. */
import { open, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Graph, readModel } from '../onnx/index.js';
import { isPacked, unpack } from './pack.js';

/** @throws UserError when the file cannot be read or is no model. */
export async function readLocal(source: string | URL): Promise<Graph> {
  const path = source instanceof URL ? fileURLToPath(source) : source;
  return (await beginsPacked(path)) ? unpack(await readFile(path), basename(path)) : readModel(path);
}

/** False, too, for what cannot be read: reading it as a model says why. */
async function beginsPacked(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch(() => undefined);
  try {
    const head = new Uint8Array(32);
    await file?.read(head, 0, head.length, 0);
    return isPacked(head);
  } catch {
    return false;
  } finally {
    await file?.close();
  }
}
