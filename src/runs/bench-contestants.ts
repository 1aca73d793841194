/** Who takes part in a comparison of latencies: a model on each runtime, ready to run, or the reason why it is not. */
import { UserError } from '../base/index.js';
import { loadNetwork, type Machine } from '../engine/index.js';
import { batchOf } from '../graph/index.js';
import { type Graph, serializeModel } from '../onnx/index.js';
import { load } from '../runtime/index.js';
import { onnxruntimeName, openSession } from './onnxruntime.js';
import { openWebSession, webName } from './onnxruntime-web.js';
import { dataOf, randomTrial, type Trial } from './samples.js';

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
type Opened = { version: string; run(trial: Trial): Promise<unknown>; close(): Promise<unknown> } | string;

/** A model on some runtimes; `absent`, a sentence for each that cannot take part. */
export async function enter(
  entry: Entry,
  wanted: readonly Runtime[],
): Promise<{ contestants: Contestant[]; absent: Map<Runtime, string> }> {
  const { model, graph, inputShapes } = entry;
  const trial = await randomTrial(graph, batchOf(graph, inputShapes), entry.batch);
  const batch = trial.count;
  const contestants: Contestant[] = [];
  const absent = new Map<Runtime, string>();
  try {
    for (const runtime of wanted) {
      const opened = await openers[runtime]({ ...entry, batch }).catch(sentenceOf);
      if (typeof opened === 'string') absent.set(runtime, opened);
      else {
        const { version, run, close } = opened;
        contestants.push({ model, runtime, version, batch, run: () => run(trial), close });
      }
    }
  } catch (error) {
    for (const { close } of contestants) await close();
    throw error;
  }
  return { contestants, absent };
}

const sentenceOf = (error: unknown): string => {
  if (error instanceof UserError) return error.message;
  throw error;
};

const openers: Record<Runtime, (entry: Entry) => Promise<Opened>> = {
  async espalier({ graph, machine, inputShapes, batch }) {
    const network = loadNetwork(graph, { machine, inputShapes });
    const inference = network.inference({ batch });
    return {
      version: machine.description,
      run: (trial) => inference.run(dataOf(trial), batch),
      close: async () => network.close(),
    };
  },
  async 'espalier/runtime'({ graph, machine, inputShapes, batch }) {
    if (batch !== 1)
      return `espalier/runtime computes one sample at a time, so it takes no part at ${batch}.`;
    const { run, close } = await load(serializeModel(graph), { machine, inputShapes });
    return { version: machine.description, run: (trial) => run(dataOf(trial)), close };
  },
  async 'onnxruntime-node'({ graph, machine: { threads } }) {
    const session = await openSession(serializeModel(graph), { name: graph.name, threads });
    if (!session) return 'onnxruntime-node is not installed here, so it takes no part.';
    const version = ((await onnxruntimeName()) ?? '').replace(/^\S+ /, '');
    return { version, run: ({ inputs }) => session.run(inputs), close: session.close };
  },
  async 'onnxruntime-web'({ graph, machine: { threads } }) {
    const session = await openWebSession(serializeModel(graph), { name: graph.name, threads });
    if (!session)
      return 'onnxruntime-web is not installed here (npm i onnxruntime-web), so it takes no part.';
    return {
      version: `${await webName()}, wasm`,
      run: ({ inputs }) => session.run(inputs),
      close: session.close,
    };
  },
};
