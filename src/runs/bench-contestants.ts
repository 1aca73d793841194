/** Who takes part in a comparison of latencies: a model on each runtime, ready to run, or the reason why it is not. */
import { UserError } from '../base/errors.js';
import { loadNetwork, type Machine, type Network } from '../engine/index.js';
import { type Graph, serializeModel } from '../onnx/index.js';
import { load } from '../runtime/index.js';
import { fixedBatch, onnxruntimeName, openSession, type Session } from './onnxruntime.js';
import { openWebSession, webName } from './onnxruntime-web.js';
import { randomInputs } from './samples.js';

/** The first that is there is what the others' speeds refer to. */
export const runtimes = ['onnxruntime-node', 'onnxruntime-web', 'espalier/runtime', 'espalier'] as const;

export type Runtime = (typeof runtimes)[number];

/** Runtimes that multiply by zeros. */
export const isDense = (runtime: string): boolean => runtime.startsWith('onnxruntime');

export interface Contestant {
  model: string;
  runtime: Runtime;
  /** Of the runtime: 'native, AVX-512', '1.30.0'. */
  version: string;
  batch: number;
  run(): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface Entry {
  model: string;
  graph: Graph;
  inputShapes: Record<string, number[]>;
  batch: number;
  machine: Machine;
}

/** What a runtime is asked to run, and how to run and close it; or a sentence that says why it takes no part. */
type Opened = { version: string; session: Pick<Session, 'run' | 'close'> } | string;

/** A model on some runtimes; `absent`, a sentence for each that cannot take part. */
export async function enter(
  entry: Entry,
  wanted: readonly Runtime[],
): Promise<{ contestants: Contestant[]; absent: Map<Runtime, string> }> {
  const { model, graph, machine, inputShapes } = entry;
  const batch = fixedBatch(graph) ?? entry.batch;
  const network = loadNetwork(graph, { machine, inputShapes });
  const inputs = randomInputs(network, batch);
  const contestants: Contestant[] = [];
  const absent = new Map<Runtime, string>();
  try {
    for (const runtime of wanted) {
      const opened = await openers[runtime]({ ...entry, batch }, network).catch(sentenceOf);
      if (typeof opened === 'string') absent.set(runtime, opened);
      else {
        const { version, session } = opened;
        const run = () => session.run(inputs, batch);
        contestants.push({ model, runtime, version, batch, run, close: session.close });
      }
    }
  } catch (error) {
    for (const { close } of contestants) await close();
    throw error;
  } finally {
    if (!contestants.some(({ runtime }) => runtime === 'espalier')) network.close();
  }
  return { contestants, absent };
}

const sentenceOf = (error: unknown): string => {
  if (error instanceof UserError) return error.message;
  throw error;
};

const openers: Record<Runtime, (entry: Entry, network: Network) => Promise<Opened>> = {
  async espalier({ machine, batch }, network) {
    const inference = network.inference({ batch });
    return {
      version: machine.description,
      session: { run: inference.run, close: async () => network.close() },
    };
  },
  async 'espalier/runtime'({ graph, machine, inputShapes, batch }) {
    if (batch !== 1)
      return `espalier/runtime computes one sample at a time, so it takes no part at ${batch}.`;
    const { run, close } = await load(serializeModel(graph), { machine, inputShapes });
    return { version: machine.description, session: { run, close } };
  },
  async 'onnxruntime-node'({ graph }, network) {
    const session = await openSession(serializeModel(graph), network);
    if (!session) return 'onnxruntime-node is not installed here, so it takes no part.';
    return { version: ((await onnxruntimeName()) ?? '').replace(/^\S+ /, ''), session };
  },
  async 'onnxruntime-web'({ graph }, network) {
    const session = await openWebSession(serializeModel(graph), network);
    if (!session)
      return 'onnxruntime-web is not installed here (npm i onnxruntime-web), so it takes no part.';
    return { version: `${await webName()}, wasm`, session };
  },
};
