/** Time of one image in onnxruntime, for targets that ask for it. */
import { fail } from '../../base/index.js';
import type { Cost } from '../../channels/index.js';
import type { Machine } from '../../engine/index.js';
import { batchOf } from '../../graph/index.js';
import { type Graph, serializeModel } from '../../onnx/index.js';
import { openSession } from '../onnxruntime.js';
import { randomTrial } from '../samples.js';

const ROUNDS = 8;
/** Runs of a turn; the first is not timed, since threads of the one before may still be looking for work. */
const RUNS = 6;

/**
 * Milliseconds of a run of one image: the fastest, since whatever else the machine does can only add, and to networks of many
 * small layers it adds most. Every network takes turns with the first that was measured, and what it took is told as a share of
 * that: so a machine that slows down in between does not decide.
 */
export function latencyIn(
  machine: Machine,
  inputShapes: Record<string, number[]>,
  signal?: AbortSignal,
): Cost {
  let first: { graph: Graph; fastest: number } | undefined;
  return async (graph) => {
    if (!first) {
      const [fastest] = await sideBySide([graph]);
      first = { graph, fastest };
      return fastest;
    }
    const [whole, own] = await sideBySide([first.graph, graph]);
    return first.fastest * (own / whole);
  };

  async function sideBySide(graphs: readonly Graph[]): Promise<number[]> {
    const contestants: Contestant[] = [];
    try {
      for (const graph of graphs) contestants.push(await enter(graph, machine, inputShapes));
      const fastest = graphs.map(() => Infinity);
      for (let round = 0; round < ROUNDS; round++)
        for (const [c, { run }] of contestants.entries())
          for (let i = 0; i < RUNS; i++) {
            signal?.throwIfAborted();
            const start = performance.now();
            await run();
            if (i > 0) fastest[c] = Math.min(fastest[c], performance.now() - start);
          }
      return fastest;
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
  const session = await openSession(serializeModel(graph), { name: graph.name, threads: machine.threads });
  if (!session)
    return fail(
      'A latency target is measured in onnxruntime-node, which is not installed: install it, or give --macs.',
    );
  const { inputs } = await randomTrial(graph, batchOf(graph, inputShapes), 1);
  return { run: () => session.run(inputs), close: () => session.close() };
}
