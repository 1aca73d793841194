/**
 * Latency of models side by side on the runtimes that are there.
 *
 * Every contestant (a model on a runtime) is warmed up, then all take turns, every round beginning with another one, so that
 * whatever disturbs the machine disturbs them alike. A turn is some runs that are not timed, until the threads of the one
 * before are asleep and caches are its own, and then a few that are. Told are the median and a 95 % interval for it by order
 * statistics: of n times sorted, the median of what is being measured lies between those at ranks n/2 ± 0.98 √n, whatever
 * their distribution.
 */
import { setImmediate } from 'node:timers/promises';
import { fail } from '../base/index.js';
import { type MachineChoice, openMachine } from '../engine/index.js';
import { type Contestant, enter, type Runtime, runtimes } from './bench-contestants.js';
import { type BenchResult, benchNotes, oddMacs } from './bench-notes.js';
import { notFinite, sentenceOf } from './finite.js';
import { measure } from './measure.js';
import { type ModelOptions, openModel } from './task.js';

export type { BenchResult };

/** Options of {@link bench}. */
export interface BenchOptions extends MachineChoice, Omit<ModelOptions, 'model'> {
  /** Paths of models, or names of networks of the zoo; the first one is the reference. */
  models: readonly string[];
  /** Samples in a run; default 1. */
  batch?: number;
  /** Timed runs of each contestant; default 50. */
  runs?: number;
  /** Some of {@link runtimes}; default those that are there. */
  runtimes?: readonly string[];
  /** Stops the measurement; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called after each round of runs, with the number done and of all. */
  onProgress?: (done: number, runs: number) => void;
}

/** The result of {@link bench}. */
export interface Bench {
  /** That every runtime may use. */
  threads: number;
  /** Timed runs of each model on each runtime. */
  runs: number;
  /** One entry for each model and runtime. */
  results: BenchResult[];
  /** What a reader must know to read the figures. */
  notes: string[];
}

const WARM_UP = 12;
const FEWEST_WARM_UP = 3;
const PATIENCE_MS = 3000;
/** Of a turn: how long runs are not timed, and how many are. */
const SETTLING_MS = 5;
const TURN = 5;

/**
 * Measures the latency of models in several runtimes, in turns, so that all see the same machine.
 * @throws UserError when a model cannot be read or run, or a runtime that was asked for is not there; the signal's reason
 * when it stops.
 */
export async function bench(options: BenchOptions): Promise<Bench> {
  const { runs = 50, signal, onProgress } = options;
  const wanted = runtimesOf(options.runtimes);
  const machine = await openMachine({ engine: options.engine, threads: options.threads });
  const entries: { contestant: Contestant; facts: Facts; times: number[] }[] = [];
  const absent = new Set<string>();
  const broken: string[] = [];
  try {
    for (const model of options.models) {
      const { graph, inputShapes } = await openModel({ ...options, model });
      const { sparsity, macs, effectiveMacs } = measure(graph, inputShapes);
      const facts = { sparsity, macs, effectiveMacs, oddMacs: oddMacs(graph, inputShapes) };
      broken.push(...notFinite(graph).map((found) => `${model}: ${sentenceOf(found)}.`));
      const { batch = 1 } = options;
      const entered = await enter({ model, graph, inputShapes, batch, machine }, wanted);
      entries.push(...entered.contestants.map((contestant) => ({ contestant, facts, times: [] })));
      for (const sentence of entered.absent.values()) absent.add(sentence);
      if (options.runtimes && absent.size) fail([...absent][0]);
    }
    for (const { contestant } of entries) await warmUp(contestant, signal);
    for (let round = 0, done = 0; done < runs; round++) {
      const timed = Math.min(TURN, runs - done);
      for (let i = 0; i < entries.length; i++) {
        await setImmediate();
        signal?.throwIfAborted();
        const { contestant, times } = entries[(i + round) % entries.length];
        times.push(...(await turn(contestant, timed)));
      }
      done += timed;
      onProgress?.(done, runs);
    }
    const results = entries.map(({ contestant: { run, close, ...label }, facts, times }) => ({
      ...label,
      ...facts,
      ...spread(times),
    }));
    const compared = results.map((result) => ({ ...result, speed: results[0].median / result.median }));
    return {
      threads: machine.threads,
      runs,
      results: compared,
      notes: [...benchNotes(compared), ...broken, ...absent],
    };
  } finally {
    for (const { contestant } of entries) await contestant.close();
    await machine.close();
  }
}

type Facts = Pick<BenchResult, 'sparsity' | 'macs' | 'effectiveMacs' | 'oddMacs'>;

/** @throws UserError on a runtime that does not exist. */
function runtimesOf(names: readonly string[] | undefined): readonly Runtime[] {
  const unknown = names?.find((name) => !runtimes.includes(name as Runtime));
  if (unknown !== undefined)
    fail(`There is no runtime ${JSON.stringify(unknown)}; choose some of ${runtimes.join(', ')}.`);
  return (names as readonly Runtime[] | undefined) ?? runtimes;
}

async function warmUp({ run }: Contestant, signal?: AbortSignal): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  for (let i = 0; i < WARM_UP && (i < FEWEST_WARM_UP || performance.now() < end); i++) {
    signal?.throwIfAborted();
    await run();
  }
}

/** Milliseconds of so many runs. */
async function turn({ run }: Contestant, timed: number): Promise<number[]> {
  const end = performance.now() + SETTLING_MS;
  do await run();
  while (performance.now() < end);
  const times: number[] = [];
  for (let i = 0; i < timed; i++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return times;
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
