/**
 * What a layer is to reproduce. Behind a linear layer often comes more that only scales and shifts its channels (BatchNorm, the
 * Add of a bias), then perhaps the sum of a residual. All of it is affine in the layer's weights:
 *
 *     t[c] = a[c] · (W u)[c] + shift[c] + what else is added
 *
 * so the last of these values is the target: what is missing there, the stream's own error included, is asked of the layer.
 * A sum is taken in where all that its other operand depends on has been dealt with before.
 */
import type { Pair } from '../engine/index.js';
import { weightsBehind } from '../graph/index.js';
import { attr, type Graph, type Node, sizeOf, usedValues } from '../onnx/index.js';
import type { Linear } from './linear.js';

export interface Target {
  /** The value to reproduce. */
  value: string;
  /** a, of each output of the layer. */
  scale: Float64Array;
  /** The parameter that shifts the channels of the value, one by one, and what it is multiplied by before it gets there. */
  shift?: { name: string; factor: number };
  /** The BatchNormalization that reads the layer, where one does. */
  norm?: Norm;
}

/** Names of the parameters of a BatchNormalization. */
export interface Norm {
  gamma: string;
  beta: string;
  mean: string;
  variance: string;
  epsilon: number;
}

/** How the values of a graph hang together. */
export interface Wiring {
  graph: Graph;
  pair: Pair;
  readers: ReadonlyMap<string, readonly Node[]>;
  /** Places of the layers that a value depends on and whose weights may change, the last of them; −1 for none. */
  latest: ReadonlyMap<string, number>;
  outputs: ReadonlySet<string>;
  /** The initialiser behind an input. */
  behind(name: string): string;
}

/** @param changing places of nodes whose weights may change. */
export function wiringOf(graph: Graph, pair: Pair, changing: ReadonlySet<number>): Wiring {
  const readers = new Map<string, Node[]>();
  const latest = new Map<string, number>();
  for (const [index, node] of graph.nodes.entries()) {
    const names = [...new Set(usedValues(node))];
    for (const name of names) readers.set(name, [...(readers.get(name) ?? []), node]);
    const before = Math.max(-1, ...names.map((name) => latest.get(name) ?? -1));
    const last = changing.has(index) ? index : before;
    for (const name of node.outputs) latest.set(name, last);
  }
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  return { graph, pair, readers, latest, outputs, behind: weightsBehind(graph) };
}

export function targetOf(layer: Linear, wiring: Wiring): Target {
  const { graph, pair, readers, outputs } = wiring;
  const { node } = layer;
  const own = (name: string | undefined): name is string =>
    name !== undefined &&
    name !== '' &&
    pair.weights.has(name) &&
    graph.initializers.has(name) &&
    sizeOf(graph.initializers.get(name)!.shape) === layer.outputs &&
    readers.get(name)!.length === 1 &&
    !outputs.has(name);
  const target: Target = {
    value: node.outputs[0],
    scale: new Float64Array(layer.outputs).fill(layer.alpha),
    shift: own(layer.bias) ? { name: layer.bias, factor: layer.beta } : undefined,
  };
  for (;;) {
    const [next, ...others] = readers.get(target.value) ?? [];
    if (!next || others.length > 0 || next.domain !== '' || outputs.has(target.value)) return target;
    const step = steps[next.op]?.({ next, target, layer, wiring, own });
    if (!step) return target;
    Object.assign(target, step.target);
    if (step.last) return target;
  }
}

interface At {
  next: Node;
  target: Target;
  layer: Linear;
  wiring: Wiring;
  own(name: string | undefined): name is string;
}

type Step = (at: At) => { target: Partial<Target>; last?: boolean } | undefined;

const pass: Step = ({ next }) => ({ target: { value: next.outputs[0] } });

/** Operators that hand on, scale or shift. */
const steps: Readonly<Record<string, Step>> = {
  Identity: pass,
  Dropout: ({ next }) => (next.outputs.length === 1 ? { target: { value: next.outputs[0] } } : undefined),
  BatchNormalization({ next, target, layer, wiring: { pair }, own }) {
    const [x, gamma, beta, mean, variance] = next.inputs;
    if (x !== target.value || layer.axis !== 1 || next.outputs.length > 1) return undefined;
    if (attr.int(next, 'spatial', 1) === 0 || attr.int(next, 'training_mode', 0) !== 0) return undefined;
    const numbers = [gamma, beta, mean, variance].map((name) => pair.weights.get(name));
    if (!numbers.every((values) => values?.length === layer.outputs)) return undefined;
    const epsilon = attr.float(next, 'epsilon', 1e-5);
    const [g, , , v] = numbers as Float32Array[];
    const first = target.value === layer.node.outputs[0] && layer.alpha === 1;
    const whole = [gamma, beta, mean, variance].every(own);
    return {
      target: {
        value: next.outputs[0],
        scale: target.scale.map((a, c) => (a * g[c]) / Math.sqrt(v[c] + epsilon)),
        shift: own(beta) ? { name: beta, factor: 1 } : undefined,
        norm: first && whole ? { gamma, beta, mean, variance, epsilon } : undefined,
      },
    };
  },
  Add({ next, target, layer, wiring, own }) {
    const [a, b] = next.inputs;
    const other = a === target.value ? b : a;
    if (other === target.value) return undefined;
    const [value, sum, added] = [target.value, next.outputs[0], other].map((name) => shapeIn(wiring, name));
    if (!value || !sum || !added || `${value}` !== `${sum}`) return undefined;
    if (!wiring.pair.build.type(wiring.pair.student.get(other)!).laned) {
      const along = added[added.length - (value.length - layer.axis)] === layer.outputs;
      const name = wiring.behind(other);
      const shift = along && own(name) ? { name, factor: 1 } : target.shift;
      return { target: { value: next.outputs[0], shift } };
    }
    const settled = (wiring.latest.get(other) ?? -1) < layer.index;
    return settled ? { target: { value: next.outputs[0] }, last: true } : undefined;
  },
};

function shapeIn({ pair }: Wiring, name: string): readonly number[] | undefined {
  const core = pair.student.get(name);
  return core === undefined ? undefined : pair.build.type(core).shape;
}
