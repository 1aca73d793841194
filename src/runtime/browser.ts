/** What 'espalier/runtime' is in a browser: the same functions, over what the bundle brings along (scripts/build-browser.mjs). */
import { type Embedded, openHere } from '../engine/index.js';
import { fetchModel, type Load, loader } from './load.js';

export { classify } from './classify.js';
export { pack, unpack } from './pack.js';

/** `load` of a bundle. Addresses may be relative to the page's. */
export const loadWith = (embedded: Embedded): Load =>
  loader({
    openMachine: ({ threads }) => openHere(embedded, threads),
    read: (source) => fetchModel(String(source)),
  });
