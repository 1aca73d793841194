/**
 * Latency of models side by side on the runtimes that are there.
 *
 * Every contestant (a model on a runtime) is warmed up, then all take turns, run by run, so that whatever disturbs the
 * machine disturbs them alike. Told are the median and a 95 % interval for it by order statistics: of n times sorted,
 * the median of what is being measured lies between those at ranks n/2 ± 0.98 √n, whatever their distribution.
 */
import { normal, random } from '../base/random.js';
import { loadNetwork, type Machine, openMachine } from '../engine/index.js';
import { serializeModel, sizeOf } from '../onnx/index.js';
import { measure } from './measure.js';
import { fixedBatch, onnxruntimeName, openSession, type Session } from './onnxruntime.js';
import { isPath } from './recipe.js';
import { type ModelOptions, openModel } from './task.js';

export interface BenchOptions extends Omit<ModelOptions, 'model'> {
  models: readonly string[];
  /** Samples in a run; default 1. */
  batch?: number;
  /** Timed runs of each contestant; default 50. */
  runs?: number;
  threads?: number;
  signal?: AbortSignal;
  onProgress?: (done: number, runs: number) => void;
}

export interface Bench {
  threads: number;
  results: BenchResult[];
  /** What a reader must know to read the figures. */
  notes: string[];
}

export interface BenchResult {
  model: string;
  /** 'espalier (native, AVX-512)', 'onnxruntime 1.30.0' */
  runtime: string;
  batch: number;
  /** Milliseconds of one run. */
  median: number;
  /** 95 % interval for the median. */
  interval: [low: number, high: number];
  /** Fraction of the prunable weights that are zero. */
  sparsity: number;
  macs: number;
}

interface Contestant {
  label: Omit<BenchResult, 'median' | 'interval'>;
  run(): Promise<unknown>;
  close(): unknown;
  times: number[];
}

const WARM_UP = 5;

/** @throws UserError when a model cannot be read or run, the signal's reason when it stops. */
export async function bench(options: BenchOptions): Promise<Bench> {
  const { runs = 50, signal, onProgress } = options;
  const machine = await openMachine({ threads: options.threads });
  const contestants: Contestant[] = [];
  try {
    for (const model of options.models) contestants.push(...(await enter(model, options, machine)));
    for (let i = -WARM_UP; i < runs; i++) {
      signal?.throwIfAborted();
      for (const contestant of contestants) {
        const start = performance.now();
        await contestant.run();
        if (i >= 0) contestant.times.push(performance.now() - start);
      }
      if (i >= 0) onProgress?.(i + 1, runs);
    }
    const results = contestants.map(({ label, times }) => ({ ...label, ...spread(times) }));
    return { threads: machine.threads, results, notes: await notesOn(results) };
  } finally {
    for (const contestant of contestants) await contestant.close();
    await machine.close();
  }
}

/** A model on each runtime. */
async function enter(model: string, options: BenchOptions, machine: Machine): Promise<Contestant[]> {
  const { graph, inputShapes } = await openModel({ ...options, model });
  const batch = fixedBatch(graph) ?? options.batch ?? 1;
  const { sparsity, macs } = measure(graph, inputShapes);
  const network = loadNetwork(graph, { machine, inputShapes });
  const inference = network.inference({ batch });
  const inputs = randomInputs(network.inputs, batch);
  const enrol = (runtime: string, session: Pick<Session, 'run' | 'close'> | undefined): Contestant[] =>
    session
      ? [
          {
            label: { model, runtime, batch, sparsity, macs },
            run: () => session.run(inputs, batch),
            close: () => session.close(),
            times: [],
          },
        ]
      : [];
  const engine = { run: inference.run, close: async () => network.close() };
  const peer = await openSession(isPath(model) ? model : serializeModel(graph), network);
  return [
    ...enrol(`espalier (${machine.description})`, engine),
    ...enrol((await onnxruntimeName()) ?? '', peer),
  ];
}

function randomInputs(
  shapes: ReadonlyMap<string, readonly number[]>,
  batch: number,
): Record<string, Float32Array> {
  const stream = random(0, 'bench');
  return Object.fromEntries(
    [...shapes].map(([name, shape]) => [
      name,
      Float32Array.from({ length: batch * sizeOf(shape) }, () => normal(stream)),
    ]),
  );
}

/** Median and its 95 % interval. */
export function spread(times: readonly number[]): { median: number; interval: [number, number] } {
  const sorted = [...times].sort((a, b) => a - b);
  const n = sorted.length;
  const at = (rank: number) => sorted[Math.min(n - 1, Math.max(0, rank))];
  const reach = 0.98 * Math.sqrt(n);
  return {
    median: (at(Math.floor((n - 1) / 2)) + at(Math.ceil((n - 1) / 2))) / 2,
    interval: [at(Math.floor(n / 2 - reach)), at(Math.ceil(n / 2 + reach) - 1)],
  };
}

async function notesOn(results: readonly BenchResult[]): Promise<string[]> {
  const notes: string[] = [];
  if (results.some(({ sparsity }) => sparsity > 0.01))
    notes.push(
      'No gain is to be expected from single zero weights on a dense runtime: it multiplies by them all the same. They make the compressed file smaller; time is saved by runtimes that skip zeros, or by removing whole channels.',
    );
  if (!(await onnxruntimeName()))
    notes.push('onnxruntime-node is not installed here, so it is not among the runtimes.');
  return notes;
}
