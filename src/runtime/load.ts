/** Models from addresses and bytes; where else from, and on which machine, the host says: Node (index.ts) or a browser (browser.ts). */
import { fail } from '../base/errors.js';
import type { Machine } from '../engine/machine.js';
import type { Graph } from '../onnx/model.js';
import { parseModel } from '../onnx/parse.js';
import { type LoadOptions, type Model, modelOf } from './model.js';
import { isPacked, unpack } from './pack.js';

export interface Host {
  openMachine(options: { threads?: number }): Promise<Machine>;
  /** Reads a model that is not given as bytes. */
  read(source: string | URL): Promise<Graph>;
}

/**
 * Loads a model, an .onnx or a packed one, for running it on one sample at a time.
 * @param source its bytes, an address to fetch it from, or, in Node, its path.
 * @throws UserError when it cannot be read, is no valid model, or has operators that there is no form for.
 */
export type Load = (source: string | URL | Uint8Array, options?: LoadOptions) => Promise<Model>;

export const loader =
  ({ openMachine, read }: Host): Load =>
  async (source, options = {}) => {
    const graph = await (source instanceof Uint8Array ? graphIn(source) : read(source));
    if (options.machine) return modelOf(graph, { ...options, machine: options.machine });
    const machine = await openMachine({ threads: options.threads });
    try {
      const model = modelOf(graph, { ...options, machine });
      return { ...model, close: () => model.close().then(() => machine.close()) };
    } catch (error) {
      await machine.close();
      throw error;
    }
  };

/** @throws UserError when there is no answer, or none that is a model. */
export async function fetchModel(address: string): Promise<Graph> {
  const short = address.length > 100 ? `${address.slice(0, 100)}…` : address;
  const bytes = await answerOf(address).catch((error: Error) =>
    fail(`Cannot fetch ${short}: ${error.message}; check the address and the network.`),
  );
  return graphIn(bytes, short);
}

async function answerOf(address: string): Promise<Uint8Array> {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`the answer is ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

const graphIn = (bytes: Uint8Array, name?: string): Promise<Graph> =>
  isPacked(bytes) ? unpack(bytes, name) : parseModel(bytes, { name });
