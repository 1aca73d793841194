/**
 * Inference of pruned models, one sample at a time: import { load } from 'espalier/runtime'. In Node; see also browser.ts.
 *
 * @module espalier/runtime
 */
import { openMachine } from '../engine/index.js';
import { fetchModel, type Load, loader } from './load.js';
import { readLocal } from './local.js';

export type { Card, Colors, ResizeMode } from '../data/pictures/index.js';
export { type ClassifyOptions, classify, type Label } from './classify.js';
export type { Load, Source } from './load.js';
export type { LoadOptions, Model, ModelCard } from './model.js';
export { type PackOptions, pack, unpack } from './pack.js';
export type { Drawable, Picture, Pixels } from './picture.js';
export type { Numbers } from './values.js';

/** Loads a model: an .onnx or packed file by its path, its address or its bytes. */
export const load: Load = loader({
  openMachine,
  read: (source) =>
    /^(https?|blob|data):/.test(String(source)) ? fetchModel(String(source)) : readLocal(source),
});
