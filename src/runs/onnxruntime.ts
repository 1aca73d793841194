/** onnxruntime-node, where it is installed: the reference that exports are checked against, and a peer of the engine. */
import { fail } from '../base/index.js';
import { type DType, fromFloat16, toFloat16, withoutFloat16Array } from '../onnx/index.js';
import { type OnnxruntimeApi, type OnnxruntimeSession, onnxruntimeNode } from './onnxruntime-modules.js';
import type { Answer, Answers, Trial, TrialInput } from './samples.js';

export interface Session {
  /** One run, of inputs in the shapes that the file takes. */
  run(inputs: Trial['inputs']): Promise<Answers>;
  close(): Promise<void>;
}

/** The module, or undefined where it is not installed or has no binary for this machine. */
export async function onnxruntime(): Promise<OnnxruntimeApi | undefined> {
  const module = await onnxruntimeNode();
  if (module) withoutFloat16Array(() => new module.Tensor('bool', [true], []));
  return module;
}

/** 'onnxruntime 1.30.0' */
export async function onnxruntimeName(): Promise<string | undefined> {
  const module = await onnxruntime();
  return module && `onnxruntime ${module.env.versions.node ?? module.env.versions.common}`;
}

export interface SessionOptions {
  /** Of the model, for sentences. */
  name: string;
  threads: number;
  /** Whether it may fuse and rewrite the graph. Default true. */
  optimized?: boolean;
}

/**
 * Opens a model, a file or its bytes, in onnxruntime.
 * @throws UserError when onnxruntime refuses it, undefined where there is no onnxruntime.
 */
export async function openSession(
  source: string | Uint8Array,
  { name, threads, optimized = true }: SessionOptions,
): Promise<Session | undefined> {
  const module = await onnxruntime();
  if (!module) return undefined;
  const session = await module.InferenceSession.create(source, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Errors come as exceptions.
    logSeverityLevel: 4,
    graphOptimizationLevel: optimized ? 'all' : 'disabled',
  }).catch((error: Error) => fail(`onnxruntime refuses ${name || 'the model'}: ${plain(error)}`));
  return sessionOf(session, module.Tensor, name);
}

/** What onnxruntime takes whole numbers and truths in; 64 bits apart. */
const wholes = {
  ...{ int8: Int8Array, int16: Int16Array, int32: Int32Array },
  ...{ uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, bool: Uint8Array },
} as const;

/** What onnxruntime has opened, in Node or on WebAssembly. */
export function sessionOf(
  session: OnnxruntimeSession,
  Tensor: OnnxruntimeApi['Tensor'],
  name: string,
): Session {
  const tensorOf = ({ dtype, shape, data }: TrialInput) => {
    if (dtype === 'int64') return new Tensor(dtype, BigInt64Array.from(data, BigInt), shape);
    if (dtype === 'uint64') return new Tensor(dtype, BigUint64Array.from(data, BigInt), shape);
    if (dtype === 'float64') return new Tensor(dtype, Float64Array.from(data), shape);
    if (dtype === 'float16') return new Tensor(dtype, Uint16Array.from(data, toFloat16), shape);
    if (dtype === 'bfloat16')
      return fail('onnxruntime-node does not take bfloat16 values; give the model float32 inputs.');
    const whole = wholes[dtype as keyof typeof wholes];
    if (whole) return new Tensor(dtype as keyof typeof wholes, whole.from(data), shape);
    return new Tensor('float32', data, shape);
  };
  return {
    async run(inputs) {
      const feeds = Object.entries(inputs).map(([input, given]) => [input, tensorOf(given)] as const);
      const answer = await session
        .run(Object.fromEntries(feeds))
        .catch((error: Error) => fail(`onnxruntime cannot run ${name || 'the model'}: ${plain(error)}`));
      return Object.fromEntries(
        Object.entries(answer).map(([output, { type, data }]) => [output, numbersOf(type as DType, data)]),
      );
    },
    close: () => session.release(),
  };
}

/** What is of 16 bits comes as its bits, but in hosts that have an array for it. */
const numbersOf = (dtype: DType, data: Answer['data']): Answer =>
  dtype === 'float16' && data instanceof Uint16Array
    ? { dtype, data: Float32Array.from(data, fromFloat16) }
    : { dtype, data };

/** The first line of what it says, as a sentence. */
export const plain = (error: Error): string => error.message.split('\n')[0].replace(/\.?$/, '.');
