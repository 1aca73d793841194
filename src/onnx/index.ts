/** The onnx room: .onnx files ↔ models as plain data, and small helpers on those. */

// Models as data: graphs, nodes, values, tensors and attributes.

export * from './attributes.js';
export { dtypeOf, unreadName } from './dtypes.js';
export * from './model.js';
export { newSource, opsetOf } from './source.js';
export * from './tensor.js';

// Files and bytes.

export * from './file.js';
export { parseModel } from './parse.js';
export { serializeModel } from './serialize.js';
export type { FetchExternal } from './settle.js';

// Numbers that a file stores in other widths than they are held in.

export { fromFloat16, toFloat16, withoutFloat16Array } from './half.js';
export { narrowIn, rounded } from './storage.js';
export { asStored } from './stored.js';
export { widenedFile } from './widen.js';

// What stands before a graph that begins where it can be computed.

export { withFront, withoutFront } from './front.js';

// Branches whose conditions turn out to be known.

export { withConditions } from './decide.js';
