/** Where onnxruntime comes from. It is no dependency: whoever has it installed has it used. */
import type { Answer } from './samples.js';

/** A value of a session's input or output. */
interface Value {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: Answer['data'];
}

/** A model that onnxruntime has opened. */
export interface OnnxruntimeSession {
  readonly inputNames: readonly string[];
  run(feeds: Record<string, Value>): Promise<Record<string, Value>>;
  release(): Promise<void>;
}

/**
 * What espalier uses of onnxruntime-node and onnxruntime-web. Written down here because their types are not there where they are not
 * installed, and a program that uses espalier is compiled there as well.
 */
export interface OnnxruntimeApi {
  env: { versions: { common: string; node?: string; web?: string }; wasm: { numThreads?: number } };
  Tensor: new (type: string, data: Answer['data'] | readonly boolean[], dims: readonly number[]) => Value;
  InferenceSession: {
    create(
      model: string | Uint8Array,
      options?: Readonly<Record<string, unknown>>,
    ): Promise<OnnxruntimeSession>;
  };
}

/** onnxruntime-node, or undefined where it is not installed or has no binary for this machine. */
export const onnxruntimeNode = (): Promise<OnnxruntimeApi | undefined> =>
  (import('onnxruntime-node') as Promise<unknown> as Promise<OnnxruntimeApi>).catch(() => undefined);

/** As text, so that bundlers and the compiler do not look for it where it is not installed. */
const WEB: string = 'onnxruntime-web';

/** onnxruntime-web, or undefined where it is not installed. */
export const onnxruntimeWeb = (): Promise<OnnxruntimeApi | undefined> =>
  (import(WEB) as Promise<OnnxruntimeApi>).catch(() => undefined);
