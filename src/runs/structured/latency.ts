/** Time of one image in onnxruntime, for targets that ask for it. */
import { fail } from '../../base/errors.js';
import { normal, random } from '../../base/random.js';
import type { Cost } from '../../channels/index.js';
import { loadNetwork, type Machine } from '../../engine/index.js';
import { type Graph, serializeModel, sizeOf } from '../../onnx/index.js';
import { spread } from '../bench.js';
import { fixedBatch, openSession } from '../onnxruntime.js';

const WARM_UP = 5;
const RUNS = 40;

/**
 * Milliseconds of a run of one image. Every network takes turns with the first that was measured, and what it took is told
 * as a share of that: so a machine that slows down in between does not decide.
 */
export function latencyIn(
  machine: Machine,
  inputShapes: Record<string, number[]>,
  signal?: AbortSignal,
): Cost {
  let first: { graph: Graph; median: number } | undefined;
  return async (graph) => {
    if (!first) {
      const [median] = await sideBySide([graph]);
      first = { graph, median };
      return median;
    }
    const [whole, own] = await sideBySide([first.graph, graph]);
    return first.median * (own / whole);
  };

  async function sideBySide(graphs: readonly Graph[]): Promise<number[]> {
    const contestants: Contestant[] = [];
    try {
      for (const graph of graphs) contestants.push(await enter(graph, machine, inputShapes));
      const times = graphs.map((): number[] => []);
      for (let i = -WARM_UP; i < RUNS; i++) {
        signal?.throwIfAborted();
        for (const [c, { run }] of contestants.entries()) {
          const start = performance.now();
          await run();
          if (i >= 0) times[c].push(performance.now() - start);
        }
      }
      return times.map((own) => spread(own).median);
    } finally {
      for (const { close } of contestants) await close();
    }
  }
}

interface Contestant {
  run(): Promise<unknown>;
  close(): Promise<void>;
}

async function enter(
  graph: Graph,
  machine: Machine,
  inputShapes: Record<string, number[]>,
): Promise<Contestant> {
  const network = loadNetwork(graph, { machine, inputShapes });
  try {
    const session = await openSession(serializeModel(graph), network);
    if (!session)
      return fail(
        'A target of latency is measured in onnxruntime-node, which is not installed here: install it, or give --macs.',
      );
    const batch = fixedBatch(graph) ?? 1;
    const stream = random(0, 'latency');
    const inputs = Object.fromEntries(
      [...network.inputs].map(([name, shape]) => [
        name,
        Float32Array.from({ length: batch * sizeOf(shape) }, () => normal(stream)),
      ]),
    );
    return { run: () => session.run(inputs, batch), close: () => session.close() };
  } finally {
    // Only its shapes were wanted.
    network.close();
  }
}
