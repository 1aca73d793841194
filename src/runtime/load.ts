/** Models from files, addresses and bytes. */
import { fail } from '../base/errors.js';
import { parseModel } from '../onnx/parse.js';
import { type LoadOptions, type Model, modelOf } from './model.js';

/**
 * Loads an .onnx model for running it on one sample at a time.
 * @param source its bytes, an address to fetch it from, or, in Node, its path.
 * @throws UserError when it cannot be read, is no valid model, or has operators that there is no form for.
 */
export async function load(source: string | URL | Uint8Array, options: LoadOptions = {}): Promise<Model> {
  return modelOf(await graphOf(source), options);
}

async function graphOf(source: string | URL | Uint8Array) {
  if (source instanceof Uint8Array) return parseModel(source);
  const address = String(source);
  if (/^(https?|blob|data):/.test(address)) {
    const answer = await fetch(address);
    if (!answer.ok) fail(`Cannot fetch ${address}: the answer is ${answer.status}; check the address.`);
    return parseModel(new Uint8Array(await answer.arrayBuffer()), { name: address });
  }
  const { readModel } = await import('../onnx/file.js');
  return readModel(source instanceof URL ? (await import('node:url')).fileURLToPath(source) : source);
}
