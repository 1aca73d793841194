/** The public surface of the `onnx` room: .onnx files ↔ models as plain data, and small helpers on those. */
export * from './attributes.js';
export * from './file.js';
export * from './model.js';
export { parseModel } from './parse.js';
export { serializeModel } from './serialize.js';
export type { FetchExternal } from './settle.js';
export { newSource } from './source.js';
export { narrowIn, rounded } from './storage.js';
export * from './tensor.js';
export { widenedFile } from './widen.js';
