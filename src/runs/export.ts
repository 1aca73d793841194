/**
 * Exports: a model is written beside its place, checked there (see check/), and only then put in it.
 *
 * onnxruntime must load the file, and agree with the engine, on real samples where there are data. Weights below
 * 2⁻¹²⁶ in magnitude (sub-normal numbers) become 0 first: they would slow every runtime on a CPU several times. A model in
 * training mode is exported in inference form, which is what the engine computes.
 */
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { fail, moveTo, reason, UserError, writeAtomically } from '../base/index.js';
import { inferenceForm } from '../graph/index.js';
import { asStored, type Graph, serializeModel } from '../onnx/index.js';
import { checkFile, refusedBy } from './check/check.js';
import type { CheckOptions, ExportCheck } from './check/types.js';

export interface Bytes {
  raw: number;
  /** At gzip's level 9. */
  gzip: number;
}

/** The result of {@link exportModel}. */
export interface Exported {
  /** Where it is. */
  path: string;
  /** The model as the file holds it. */
  graph: Graph;
  /** Size of the file. */
  bytes: Bytes;
  /** Weights that were sub-normal and are 0 now. */
  flushed: number;
  /** How the file's answers in onnxruntime compare with the engine's. */
  check: ExportCheck;
}

const SMALLEST_NORMAL = 2 ** -126;

/** A model that was written beside its name, since it did not pass its check. */
export class UncheckedError extends UserError {
  constructor(
    sentence: string,
    readonly exported: Exported,
  ) {
    super(sentence);
  }
}

/**
 * Writes a model to `path` once it has passed its check, and beside it, as model.unchecked.onnx, where it has not: whatever it is that
 * differs, nobody's training is thrown away for it.
 * @throws UncheckedError when it does not pass, UserError when it cannot be written; then `path` is as it was.
 */
export async function exportModel(path: string, model: Graph, options: CheckOptions): Promise<Exported> {
  const { graph, flushed } = flushSubnormals(asStored(inferenceForm(model)));
  const beside = besideName(path);
  const partial = `${path}.unchecked-${process.pid}`;
  try {
    const bytes = await written(partial, graph);
    const { refused, ...check } = await checkFile(partial, graph, options).catch(refusedBy);
    const place = refused ? beside : path;
    await moveTo(place, partial).catch((error) => {
      if (error instanceof UserError) throw error;
      fail(`Cannot write ${place}: ${reason(error)}.`);
    });
    const exported = { path: place, graph, bytes, flushed, check };
    if (refused) throw unchecked(refused, exported);
    await rm(beside, { force: true });
    return exported;
  } finally {
    await rm(partial, { force: true });
  }
}

/** Writes a model that has been found to be wrong before it came to its export. @throws UncheckedError always. */
export async function keepUnchecked(path: string, model: Graph, why: string): Promise<never> {
  const place = besideName(path);
  const graph = asStored(model);
  const bytes = await written(place, graph);
  const check = { samples: 0, error: Number.NaN };
  throw unchecked(why, { path: place, graph, bytes, flushed: 0, check });
}

/** Writes a model. Gives the size of its file. */
async function written(path: string, graph: Graph): Promise<Bytes> {
  const file = serializeModel(graph);
  await writeAtomically(path, file);
  return bytesOf(file);
}

const besideName = (path: string): string => path.replace(/(\.onnx)?$/, '.unchecked.onnx');

const unchecked = (why: string, exported: Exported): UncheckedError =>
  new UncheckedError(
    `The model did not pass its check and was written to ${exported.path} instead: ${why}.`,
    exported,
  );

/** The graph with every sub-normal float32 made 0, and how many there were. */
export function flushSubnormals(graph: Graph): { graph: Graph; flushed: number } {
  let flushed = 0;
  const initializers = new Map(graph.initializers);
  for (const [name, tensor] of initializers) {
    if (!(tensor.data instanceof Float32Array)) continue;
    const count = tensor.data.reduce((n, x) => n + (isSubnormal(x) ? 1 : 0), 0);
    if (count === 0) continue;
    flushed += count;
    initializers.set(name, { ...tensor, data: tensor.data.map((x) => (isSubnormal(x) ? 0 : x)) });
  }
  return { graph: flushed ? { ...graph, initializers } : graph, flushed };
}

const isSubnormal = (x: number): boolean => x !== 0 && Math.abs(x) < SMALLEST_NORMAL;

const compress = promisify(gzip);

/** What a model takes as a file. */
export const bytesOfModel = (graph: Graph): Promise<Bytes> => bytesOf(serializeModel(graph));

const bytesOf = async (file: Uint8Array): Promise<Bytes> => ({
  raw: file.length,
  gzip: (await compress(file, { level: 9 })).length,
});
