/** onnxruntime-web, where it is installed: it runs in Node too, on WebAssembly, as it would in a browser. */
import { fail } from '../base/index.js';
import { plain, type Session, type SessionOptions, sessionOf } from './onnxruntime.js';
import { onnxruntimeWeb } from './onnxruntime-modules.js';

/** '1.30.0' */
export const webName = async (): Promise<string | undefined> => {
  const module = await onnxruntimeWeb();
  return module && (module.env.versions.web ?? module.env.versions.common);
};

/**
 * Opens a model with so many threads; how many that are is settled by the first that is opened.
 * @throws UserError when it is refused; undefined where there is no onnxruntime-web.
 */
export async function openWebSession(
  bytes: Uint8Array,
  { name, threads, optimized = true }: SessionOptions,
): Promise<Session | undefined> {
  const module = await onnxruntimeWeb();
  if (!module) return undefined;
  module.env.wasm.numThreads = threads;
  const session = await module.InferenceSession.create(bytes, {
    executionProviders: ['wasm'],
    graphOptimizationLevel: optimized ? 'all' : 'disabled',
    logSeverityLevel: 3,
  }).catch((error: Error) => fail(`onnxruntime-web refuses ${name || 'the model'}: ${plain(error)}`));
  return sessionOf(session, module.Tensor, name);
}
