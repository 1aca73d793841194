/** The onnxruntime of a page: onnxruntime-web, where the page says how it is loaded. */

// biome-ignore lint/suspicious/noExplicitAny: an optional package, whose types may not be there
type Module = any;

let load: (() => Promise<Module>) | undefined;

/**
 * Has exports checked in onnxruntime-web as they are checked in onnxruntime-node elsewhere:
 * `useOnnxruntime(() => import('onnxruntime-web/wasm'))`. It is loaded when it is first needed.
 */
export function useOnnxruntime(loader: () => Promise<object>): void {
  load = loader;
}

export const onnxruntimeNode = async (): Promise<undefined> => undefined;

export const onnxruntimeWeb = async (): Promise<Module> => load?.().catch(() => undefined);
