/** What other rooms use of espalier/runtime; index.ts is what its users see, since the package exports it. */
export { readLocal } from './local.js';
export { isForRuntime, modelOf, programmed } from './model.js';
