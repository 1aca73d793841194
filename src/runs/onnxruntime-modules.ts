/** Where onnxruntime comes from. It is no dependency: whoever has it installed has it used. */

/** What onnxruntime-node and onnxruntime-web have alike. */
export type OnnxruntimeApi = typeof import('onnxruntime-node');

/** onnxruntime-node, or undefined where it is not installed or has no binary for this machine. */
export const onnxruntimeNode = (): Promise<OnnxruntimeApi | undefined> =>
  import('onnxruntime-node').catch(() => undefined);

/** It is no dependency, so its own types may not be there; those of onnxruntime-node say the same. */
const WEB: string = 'onnxruntime-web';

/** onnxruntime-web, or undefined where it is not installed. */
export const onnxruntimeWeb = (): Promise<OnnxruntimeApi | undefined> =>
  (import(WEB) as Promise<OnnxruntimeApi>).catch(() => undefined);
