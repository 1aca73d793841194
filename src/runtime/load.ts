/** Models from addresses and bytes; where else from, and on which machine, the host says: Node (index.ts) or a browser (browser.ts). */
import { fail } from '../base/index.js';
import type { Machine } from '../engine/index.js';
import { type Graph, parseModel } from '../onnx/index.js';
import { type LoadOptions, type Model, modelOf } from './model.js';
import { isPacked, unpack } from './pack.js';

export interface Host {
  openMachine(options: { threads?: number }): Promise<Machine>;
  /** Reads a model that is not given as bytes. */
  read(source: string | URL): Promise<Graph>;
}

/** Where a model comes from: its bytes, an address to fetch it from, or, in Node, its path. */
export type Source = string | URL | ArrayBufferLike | ArrayBufferView;

/**
 * Loads a model, an .onnx or a packed one, for running it on one sample at a time.
 * @param source its bytes, which must stay as they are until it is loaded, its address, or, in Node, its path.
 * @throws UserError when it cannot be read, is no valid model, or has operators that there is no form for.
 */
export type Load = (source: Source, options?: LoadOptions) => Promise<Model>;

export const loader =
  ({ openMachine, read }: Host): Load =>
  async (source, options = {}) => {
    const graph = await graphFrom(source, read);
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

function graphFrom(source: Source, read: Host['read']): Promise<Graph> {
  if (typeof source === 'string' || source instanceof URL) return read(source);
  const bytes = bytesOf(source);
  if (bytes) return graphIn(bytes);
  return fail(
    'A model is loaded from a path, an address or its bytes (a Uint8Array or an ArrayBuffer), and this is none of them.',
  );
}

/** Undefined for what holds no bytes. */
function bytesOf(source: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  const kind = Object.prototype.toString.call(source);
  return kind === '[object ArrayBuffer]' || kind === '[object SharedArrayBuffer]'
    ? new Uint8Array(source as ArrayBufferLike)
    : undefined;
}

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
