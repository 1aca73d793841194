/**
 * Ways to a model's answers: the engine, onnxruntime with and without its optimisations, and the reference in double precision. A
 * check compares any two of them.
 */
import { loadNetwork, type Machine } from '../../engine/index.js';
import { answerInDoubles } from '../../graph/reference/model.js';
import type { Graph } from '../../onnx/index.js';
import { openSession } from '../onnxruntime.js';
import { type Answers, dataOf, type Trial } from '../samples.js';

export interface Answerer {
  /** As it is called in sentences: 'the engine'. */
  readonly name: string;
  answer(trial: Trial): Promise<Answers>;
  close(): Promise<void>;
}

/** Bytes of activations beyond which the engine does not run a check, */
const MOST_MEMORY = 4e9;

/** Computes each trial once. */
export function remembering(answerer: Answerer): Answerer {
  const known = new Map<Trial, Promise<Answers>>();
  return {
    ...answerer,
    answer(trial) {
      const found = known.get(trial) ?? answerer.answer(trial);
      known.set(trial, found);
      return found;
    },
  };
}

/** @param outputs values to give; default the outputs of the model. */
export function engineAnswerer(graph: Graph, machine: Machine, outputs?: readonly string[]): Answerer {
  const dtypes = new Map(graph.outputs.map(({ name, dtype }) => [name, dtype]));
  return remembering({
    name: 'the engine',
    async answer(trial) {
      const inputShapes = Object.fromEntries(
        Object.entries(trial.inputs).map(([name, { shape }]) => [name, shape]),
      );
      const network = loadNetwork(graph, { machine, inputShapes });
      try {
        const { samples: count = 1 } = network.batch;
        const program = network.inference({ batch: count, outputs, memory: MOST_MEMORY });
        const found = await program.run(dataOf(trial), count);
        return Object.fromEntries(
          Object.entries(found).map(([name, data]) => [name, { dtype: dtypes.get(name) ?? 'float32', data }]),
        );
      } finally {
        network.close();
      }
    },
    close: async () => {},
  });
}

/** The model in double precision, operator by operator; for small work only. */
export const referenceAnswerer = (graph: Graph): Answerer =>
  remembering({
    name: 'the reference in double precision',
    answer: async ({ inputs }) => answerInDoubles(graph, inputs),
    close: async () => {},
  });

/**
 * A file in onnxruntime; undefined where that is not installed.
 * @param optimized whether it may fuse and rewrite the graph.
 * @throws UserError when it refuses the file.
 */
export async function onnxruntimeAnswerer(
  path: string,
  { name, machine, optimized }: { name: string; machine: Machine; optimized: boolean },
): Promise<Answerer | undefined> {
  const session = await openSession(path, { name, threads: machine.threads, optimized });
  return (
    session &&
    remembering({ name: 'onnxruntime', answer: ({ inputs }) => session.run(inputs), close: session.close })
  );
}
