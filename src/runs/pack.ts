/** A model as a packed file: of each weight only what is not 0, for `espalier/runtime` and every command that takes a model. */
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { digestOfAll, fail, writeAtomically } from '../base/index.js';
import { type Graph, serializeModel } from '../onnx/index.js';
import { pack, unpack } from '../runtime/index.js';
import { layersOf } from '../sparsity/index.js';
import { type Bytes, bytesOfModel } from './export.js';
import { isPath } from './paths.js';
import { type ModelOptions, openGraph } from './task.js';

/** Options of {@link packModel}. */
export interface PackModelOptions extends ModelOptions {
  /** Where the packed file goes; default beside the model, under its name and .espk. */
  out?: string;
}

/** The result of {@link packModel}. */
export interface PackedModel {
  /** The model as it was given. */
  model: string;
  /** Path of the packed file. */
  file: string;
  /** Of the .onnx as it is and after gzip, and of the packed file. */
  bytes: Bytes & { packed: number };
  /** Fraction of the prunable weights that are zero. */
  sparsity: number;
}

/**
 * Packs a model, after it has been unpacked again and found to be the same.
 * @throws UserError when the model cannot be read, the file would take its place, or cannot be written.
 */
export async function packModel(options: PackModelOptions): Promise<PackedModel> {
  const { model } = options;
  const file = options.out ?? packedName(model);
  if (isPath(model) && (await placeOf(file)) === (await placeOf(model)))
    fail(`The packed file would overwrite its own model ${model}; give another name with --out.`);
  const graph = await openGraph(options);
  const packed = await pack(graph);
  const difference = differenceOf(graph, await unpack(packed, file));
  if (difference !== undefined)
    fail(`${model} was not packed: unpacking changes its ${difference}. Please report this with the model.`);
  const bytes = { ...(await bytesOfModel(graph)), packed: packed.length };
  await writeAtomically(file, packed);
  return { model, file, bytes, sparsity: sparsityOf(graph) };
}

/** By the weights alone: nothing has to be computed, so dimensions may be open and operators unknown. */
function sparsityOf(graph: Graph): number {
  const [all, zero] = layersOf(graph).reduce(
    ([size, zeros], { weight }) => [
      size + weight.length,
      zeros + weight.reduce((count, x) => count + (x === 0 ? 1 : 0), 0),
    ],
    [0, 0],
  );
  return all > 0 ? zero / all : 0;
}

/** 'runs/a/model.onnx' → 'runs/a/model.espk' */
const packedName = (model: string): string => `${model.replace(/\.(onnx|espk)$/i, '')}.espk`;

/** Where a path leads; of what is not there, its absolute form. */
export const placeOf = (path: string): Promise<string> => realpath(path).catch(() => resolve(path));

/**
 * What of two models differs, in words, or undefined. Weights are compared as bits, except that a zero may have lost its
 * sign: it multiplies alike.
 */
export function differenceOf(one: Graph, other: Graph): string | undefined {
  if (`${[...one.initializers.keys()]}` !== `${[...other.initializers.keys()]}`) return 'list of weights';
  for (const [name, { dtype, shape, data }] of one.initializers) {
    const back = other.initializers.get(name)!;
    const same = dtype === back.dtype && `${shape}` === `${back.shape}` && data.length === back.data.length;
    if (!same || !data.every((x, i) => Object.is(x, back.data[i]) || (x === 0 && back.data[i] === 0)))
      return `weight ${name}`;
  }
  const bare = (graph: Graph) => serializeModel({ ...graph, initializers: new Map() });
  return digestOfAll([bare(one)]) === digestOfAll([bare(other)]) ? undefined : 'graph';
}

/** What a reader of the figures must know: where packing gains nothing. */
export function packNotes({ bytes: { gzip, packed }, sparsity }: PackedModel): string[] {
  if (packed < gzip) return [];
  if (sparsity >= 0.5) return ['gzip makes the .onnx as small as the packed file.'];
  return ['Packing leaves out zeros, of which there are few here: gzip makes the .onnx as small.'];
}
