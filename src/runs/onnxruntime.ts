/** onnxruntime-node, where it is installed: the reference that exports are checked against, and a peer of the engine. */
import { fail } from '../base/errors.js';
import type { Network } from '../engine/index.js';
import type { Graph } from '../onnx/index.js';

export interface Session {
  /** Runs `count` samples; inputs and outputs dense, sample first, in float32 also where the model wants whole numbers. */
  run(inputs: Readonly<Record<string, Float32Array>>, count: number): Promise<Record<string, Float32Array>>;
  close(): Promise<void>;
}

/** The module, or undefined where it is not installed or has no binary for this machine. */
export const onnxruntime = async () => import('onnxruntime-node').catch(() => undefined);

/** 'onnxruntime 1.30.0' */
export async function onnxruntimeName(): Promise<string | undefined> {
  const module = await onnxruntime();
  return module && `onnxruntime ${module.env.versions.node ?? module.env.versions.common}`;
}

/**
 * Opens a model, a file or its bytes, in onnxruntime; `network` is the same model in the engine, which knows its shapes.
 * @throws UserError when onnxruntime refuses it, undefined where there is no onnxruntime.
 */
export async function openSession(
  source: string | Uint8Array,
  network: Network,
): Promise<Session | undefined> {
  const module = await onnxruntime();
  if (!module) return undefined;
  const { graph, machine } = network;
  const session = await module.InferenceSession.create(source as string, {
    intraOpNumThreads: machine.threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  }).catch((error: Error) => fail(`onnxruntime refuses ${graph.name || 'the model'}: ${plain(error)}`));
  return sessionOf(session, module.Tensor, network);
}

type Api = typeof import('onnxruntime-node');

/** What onnxruntime takes whole numbers and truths in; 64 bits apart. */
const wholes = {
  ...{ int8: Int8Array, int16: Int16Array, int32: Int32Array },
  ...{ uint8: Uint8Array, uint16: Uint16Array, bool: Uint8Array },
} as const;

/** What onnxruntime has opened, in Node or on WebAssembly, as a session of dense float32. */
export function sessionOf(
  session: import('onnxruntime-node').InferenceSession,
  Tensor: Api['Tensor'],
  { graph, inputs: shapes }: Network,
): Session {
  const dtypes = new Map(graph.inputs.map(({ name, dtype }) => [name, dtype]));
  const tensorOf = (name: string, data: Float32Array, dims: number[]) => {
    const dtype = dtypes.get(name)!;
    if (dtype === 'int64') return new Tensor(dtype, BigInt64Array.from(data, BigInt), dims);
    const whole = wholes[dtype as keyof typeof wholes];
    if (whole) return new Tensor(dtype as keyof typeof wholes, whole.from(data), dims);
    return new Tensor('float32', data, dims);
  };
  return {
    async run(inputs, count) {
      const feeds = Object.entries(inputs).map(
        ([name, data]) => [name, tensorOf(name, data, [count, ...shapes.get(name)!])] as const,
      );
      const answer = await session
        .run(Object.fromEntries(feeds))
        .catch((error: Error) =>
          fail(`onnxruntime cannot run ${graph.name || 'the model'}: ${plain(error)}`),
        );
      return Object.fromEntries(
        graph.outputs.map(({ name }) => [name, answer[name].data as Float32Array] as const),
      );
    },
    close: () => session.release(),
  };
}

const plain = (error: Error): string => error.message.split('\n')[0].replace(/\.?$/, '.');

/** How many samples the file lets through at once, undefined where it leaves that open. */
export function fixedBatch(graph: Graph): number | undefined {
  const batch = graph.inputs[0]?.shape?.[0];
  return typeof batch === 'number' && batch > 0 ? batch : undefined;
}
