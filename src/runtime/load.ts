/** Models from files, addresses and bytes. */
import { fail } from '../base/errors.js';
import type { Graph } from '../onnx/model.js';
import { parseModel } from '../onnx/parse.js';
import { type LoadOptions, type Model, modelOf } from './model.js';
import { isPacked, unpack } from './pack.js';

/**
 * Loads a model, an .onnx or a packed one, for running it on one sample at a time.
 * @param source its bytes, an address to fetch it from, or, in Node, its path.
 * @throws UserError when it cannot be read, is no valid model, or has operators that there is no form for.
 */
export async function load(source: string | URL | Uint8Array, options: LoadOptions = {}): Promise<Model> {
  return modelOf(await graphOf(source), options);
}

async function graphOf(source: string | URL | Uint8Array): Promise<Graph> {
  if (source instanceof Uint8Array) return graphIn(source);
  const address = String(source);
  if (/^(https?|blob|data):/.test(address)) {
    const answer = await fetch(address);
    if (!answer.ok) fail(`Cannot fetch ${address}: the answer is ${answer.status}; check the address.`);
    return graphIn(new Uint8Array(await answer.arrayBuffer()), address.slice(0, 100));
  }
  const { readLocal } = await import('./local.js');
  return readLocal(source);
}

const graphIn = (bytes: Uint8Array, name?: string): Promise<Graph> =>
  isPacked(bytes) ? unpack(bytes, name) : parseModel(bytes, { name });
