/** A network in a machine's memory: its weights stay there, programs for inference and training share them. */
import { fail } from '../base/index.js';
import {
  type BatchForm,
  batchOf,
  type Expanded,
  expandModel,
  inferenceForm,
  reachIn,
} from '../graph/index.js';
import { floatsLike, type Graph, sizeOf, type Tensor } from '../onnx/index.js';
import { clipping } from './clipping.js';
import { blocksOf, type Held, holdTensors, placesOfHeld, release } from './held.js';
import { counted, inference, sampleOf } from './inference.js';
import { closable } from './lifetime.js';
import type { Machine } from './machine.js';
import { pullBlocks, pushBlocks } from './memory.js';
import { ranking } from './ranking.js';
import { training } from './training.js';
import type { Network, Parameter } from './types.js';

/** Options of {@link loadNetwork}. */
export interface LoadOptions {
  /** The machine that holds the network and computes it; see {@link openMachine}. */
  machine: Machine;
  /** Shapes of inputs whose dimensions the file leaves open, batch first. */
  inputShapes?: Record<string, readonly number[]>;
}

/**
 * Puts a model's weights into a machine. What the engine has no form for is refused when a program needs it, see {@link Network.ends}.
 * @throws UserError for shapes that are left open, and when memory does not suffice.
 */
export function loadNetwork(graph: Graph, options: LoadOptions): Network {
  const { machine } = options;
  const batch = batchOf(graph, options.inputShapes);
  const expand = (training: boolean) =>
    expandModel(graph, { training, inputShapes: batch.shapes, carry: true });
  const inferring = expand(false);
  const ready = counted(inferring);
  const held = holdTensors(machine, graph, [...inferring.learnt.keys(), ...inferring.state]);
  const blockOf = (name: string) => held.get(name)!.block;
  const parameters = parametersOf(inferring, held);
  const places = placesOfHeld(held);
  const programs = sharing(() => release(machine, held));
  const network: Network = {
    graph,
    machine,
    batch,
    ends: endsOf(graph, inferring),
    parameters,
    inputs: inputsOf(graph, inferring),
    state: new Map([...inferring.state].map((name) => [name, held.get(name)!.view])),
    pull: (names = held.keys()) => pullBlocks(machine, blocksOf(held, names)),
    push: (names = held.keys()) => pushBlocks(machine, blocksOf(held, names)),
    inference(o) {
      refuseMeeting(batch, o.batch);
      const form = o.form === 'training' ? counted(expand(true)) : ready;
      return programs.add(inference({ graph, form, machine, places }, o), 'inference');
    },
    training(o) {
      refuseMeeting(batch, o.batch);
      return programs.add(
        training({ graph, model: expand(true), machine, places, parameters }, o),
        'training',
      );
    },
    clipping: (names) => programs.add(clipping(machine, names.map(blockOf)), 'clipping'),
    ranking(pairs) {
      const ranked = pairs.map(({ values, marks }) => ({ values: blockOf(values), marks: blockOf(marks) }));
      return programs.add(ranking(machine, ranked), 'ranking');
    },
    snapshot: () => snapshotOf(graph, held),
    close: programs.close,
  };
  return closable(network, 'network');
}

function parametersOf(model: Expanded, held: ReadonlyMap<string, Held>): Map<string, Parameter> {
  const parameters = new Map<string, Parameter>();
  for (const [name, node] of model.learnt) {
    const { shape, view } = held.get(name)!;
    const prunable = model.prunable.has(name);
    parameters.set(name, { name, shape, weight: view, prunable, op: node.op, node: node.name });
  }
  return parameters;
}

const inputsOf = (graph: Graph, { tape, values }: Expanded): Map<string, readonly number[]> =>
  new Map(graph.inputs.map(({ name }) => [name, sampleOf(tape.type(values.get(name)!).shape)]));

interface Program {
  close(): void;
}

/** The programs that share a network's memory, which is given back when it and all of them are closed. */
function sharing(giveBack: () => void) {
  const programs = new Set<Program>();
  let closed = false;
  const endIfUnused = () => {
    if (closed && programs.size === 0) giveBack();
  };
  return {
    /** The program as one that keeps the memory until it is closed; `what` names it to people. */
    add<P extends Program>(program: P, what: string): P {
      const added = closable(program, what, () => {
        programs.delete(added);
        endIfUnused();
      });
      programs.add(added);
      return added;
    },
    /** Closes the programs, too. */
    close() {
      closed = true;
      for (const program of [...programs]) program.close();
      endIfUnused();
    },
  };
}

/** Names of what comes out of a model, as far as it can be computed. */
function endsOf(graph: Graph, expanded: Expanded): string[] {
  const { outputs, edge } =
    expanded.carried.size > 0 ? reachIn(graph, expanded) : { outputs: graph.outputs, edge: [] };
  return [...outputs, ...edge].map(({ name }) => name);
}

/** Samples that meet in the file would not meet in the engine's lanes. */
function refuseMeeting({ kind, shapes }: BatchForm, samples: number): void {
  if (kind !== 'mixed' || samples === 1) return;
  const several = Object.entries(shapes).map(
    ([name, [, ...rest]]) => `${name}: [${[samples, ...rest].join(', ')}]`,
  );
  fail(
    `This model computes the samples of a run together, so ${samples} at a time form a whole: load it with the inputShapes { ${several.join(', ')} } and run that, or run single samples.`,
  );
}

function snapshotOf(graph: Graph, held: ReadonlyMap<string, Held>): Graph {
  const initializers = new Map(graph.initializers);
  for (const [name, { view }] of held) initializers.set(name, changed(graph.initializers.get(name)!, view));
  return { ...inferenceForm(graph), initializers };
}

/** The tensor with new contents, in the type it had. */
const changed = (tensor: Tensor, data: Float32Array): Tensor =>
  floatsLike(tensor, tensor.shape, data.slice(0, sizeOf(tensor.shape)));
