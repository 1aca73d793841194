/**
 * Exports: a model is written beside its place, checked there, and only then put in it.
 *
 * Checked is that onnxruntime loads the file, and that its answers agree with the engine's, to real images where there are data. Weights below
 * 2⁻¹²⁶ in magnitude (sub-normal numbers) become 0 first: they would slow every runtime on a CPU several times. A model in
 * training mode is exported in inference form, which is what the engine computes.
 */
import { readFile, rename, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { fail } from '../base/errors.js';
import { reason } from '../base/files.js';
import { loadNetwork, type Machine } from '../engine/index.js';
import { inferenceForm } from '../graph/inference.js';
import { type Graph, serializeModel, writeModel } from '../onnx/index.js';
import { fixedBatch, onnxruntimeName, openSession } from './onnxruntime.js';
import type { Samples } from './samples.js';

export interface Bytes {
  raw: number;
  /** At gzip's level 9. */
  gzip: number;
}

export interface Exported {
  bytes: Bytes;
  /** Weights that were sub-normal and are 0 now. */
  flushed: number;
  check: ExportCheck;
}

export interface ExportCheck {
  /** 'onnxruntime 1.30.0'; absent where it is not installed and the file was not checked. */
  by?: string;
  /** That were compared. */
  samples: number;
  /** The largest difference from the engine's answers, relative to the largest answer. */
  error: number;
}

/** The largest difference from onnxruntime that passes. */
const TOLERANCE = 1e-4;
const SAMPLES = 8;
const SMALLEST_NORMAL = 2 ** -126;

export interface ExportOptions {
  machine: Machine;
  inputShapes: Record<string, number[]>;
  samples: Samples;
}

/**
 * Writes a model to `path` once it has passed its check.
 * @throws UserError when it fails the check or cannot be written; then `path` is as it was.
 */
export async function exportModel(path: string, model: Graph, options: ExportOptions): Promise<Exported> {
  const { graph, flushed } = flushSubnormals(inferenceForm(model));
  const unchecked = `${path}.unchecked-${process.pid}`;
  try {
    await writeModel(unchecked, graph);
    const check = await checkExport(unchecked, graph, options);
    const bytes = await bytesOfFile(unchecked);
    await rename(unchecked, path).catch((error) => fail(`Cannot write ${path}: ${reason(error)}.`));
    return { bytes, flushed, check };
  } finally {
    await rm(unchecked, { force: true });
  }
}

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

async function checkExport(path: string, graph: Graph, options: ExportOptions): Promise<ExportCheck> {
  const { machine, inputShapes, samples } = options;
  const batch = fixedBatch(graph) ?? SAMPLES;
  const network = loadNetwork(graph, { machine, inputShapes });
  const inference = network.inference({ batch });
  const session = await openSession(path, network);
  try {
    if (!session) return { samples: 0, error: 0 };
    const { inputs, count } = await samples(network, batch);
    if (count < batch && fixedBatch(graph)) return { by: await onnxruntimeName(), samples: 0, error: 0 };
    const [ours, theirs] = [await inference.run(inputs, count), await session.run(inputs, count)];
    const error = Math.max(...Object.keys(ours).map((name) => relativeError(ours[name], theirs[name])));
    if (!(error <= TOLERANCE))
      fail(
        `The exported model was refused: its answers in onnxruntime differ from the engine's by ${error.toExponential(1)} where ${TOLERANCE} is allowed; please report this with the model.`,
      );
    return { by: await onnxruntimeName(), samples: count, error };
  } finally {
    await session?.close();
    network.close();
  }
}

/** The largest difference, relative to the largest magnitude; NaN where one is not a number. */
export function relativeError(values: Float32Array, reference: Float32Array): number {
  let difference = 0;
  let scale = 0;
  for (let i = 0; i < reference.length; i++) {
    if (values[i] === reference[i] && !Number.isFinite(values[i])) continue;
    difference = Math.max(difference, Math.abs(values[i] - reference[i]));
    scale = Math.max(scale, Math.abs(reference[i]));
  }
  return difference / (scale || 1);
}

const compress = promisify(gzip);

const bytesOfFile = async (path: string): Promise<Bytes> => bytesOf(await readFile(path));

/** What a model takes as a file. */
export const bytesOfModel = (graph: Graph): Promise<Bytes> => bytesOf(serializeModel(graph));

const bytesOf = async (file: Uint8Array): Promise<Bytes> => ({
  raw: file.length,
  gzip: (await compress(file, { level: 9 })).length,
});
