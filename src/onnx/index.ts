/** The public surface of the `onnx` room: models as plain data, and small helpers on them. */
export * from './attributes.js';
export * from './model.js';
export * from './tensor.js';
