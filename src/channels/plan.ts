/** What stays of every value once units are removed. */
import type { Type } from '../graph/core.js';
import type { Kept } from '../graph/operator.js';
import { usedValues } from '../onnx/attributes.js';
import type { Graph, Tensor } from '../onnx/model.js';
import type { Analysis } from './groups.js';
import { sliced } from './taken.js';
import type { Selection } from './types.js';
import type { Walk } from './walk.js';

/** A surgery: what is planned, and what it has made so far. */
export interface Plan {
  graph: Graph;
  walk: Walk;
  /** The same graph at a batch of two; absent where the batch is fixed. */
  twice?: Walk;
  /** Positions that stay, of a core value. */
  kept(core: string): Kept;
  /** Shape of an ONNX value in the smaller graph at a batch of 1 or 2; undefined where nothing is known of it. */
  shape(name: string, batch: 0 | 1): number[] | undefined;
  initializers: Map<string, Tensor>;
  /** Constants that shape arithmetic gives in the smaller graph, at a batch of 1 and 2. */
  constants: [Map<string, Tensor>, Map<string, Tensor>];
  /** How often each value is used. */
  uses: Map<string, number>;
}

export function planOf(
  { graph, coupling, classes }: Analysis,
  selection: Selection,
  twice: Walk | undefined,
): Plan {
  const { atoms, labels, walk: once } = coupling;
  const gone = new Set<number>();
  for (const [name, kept] of selection) {
    classes.get(name)!.forEach((root, unit) => {
      if (!kept[unit]) gone.add(root);
    });
  }
  const cache = new Map<ArrayLike<number>, readonly number[]>();
  const kept = (core: string): Kept =>
    labels(core).map((label) => {
      const found =
        cache.get(label) ?? Array.from(label, (_, i) => i).filter((i) => !gone.has(atoms.find(label[i])));
      cache.set(label, found);
      return found;
    });
  const uses = new Map<string, number>();
  for (const name of [...graph.nodes.flatMap(usedValues), ...graph.outputs.map(({ name }) => name)]) {
    uses.set(name, (uses.get(name) ?? 0) + 1);
  }
  const initializers = new Map<string, Tensor>();
  for (const [name, tensor] of graph.initializers) {
    const data = !once.tape.type(name).constant;
    initializers.set(name, data ? sliced(tensor, kept(name)) : tensor);
  }
  return {
    graph,
    walk: once,
    twice,
    kept,
    initializers,
    uses,
    constants: [new Map(), new Map()],
    shape(name, batch) {
      const core = once.values.get(name);
      if (core === undefined) return undefined;
      const before = once.tape.type(core).shape;
      const grown = batch === 0 ? before : ((twice && typeIn(twice, name)?.shape) ?? before);
      return kept(core).map(({ length }, i) => (before[i] === 0 ? 0 : (length * grown[i]) / before[i]));
    },
  };
}

export const typeIn = ({ tape, values }: Walk, name: string): Type | undefined => {
  const core = values.get(name);
  return core === undefined ? undefined : tape.type(core);
};

/** A name that no value, initialiser or node of the surgery has. */
export function unique(wanted: string, { initializers, walk: w, uses }: Plan): string {
  let name = wanted;
  for (let n = 2; initializers.has(name) || w.values.has(name) || uses.has(name); n++)
    name = `${wanted}.${n}`;
  uses.set(name, 1);
  return name;
}
