/**
 * The arms of residual sums: what a block adds to the stream that passes it by. An arm can go whole, because the stream goes on without.
 *
 *     y = stream + arm(x)        x is the stream, or something that the stream comes from
 *
 * An arm is everything that nothing but its sum depends on. Where both sides of a sum are computed by layers, as behind a stride, the one with
 * fewer multiply-accumulates is the stream.
 */
import { summarize } from '../../graph/index.js';
import { type Graph, type Node, usedValues } from '../../onnx/index.js';
import { weightsMeant } from '../find/groups.js';
import type { ChannelOptions } from '../types.js';

export interface Arm {
  /** Of its sum. */
  name: string;
  /** The value that goes on without the arm. */
  stream: string;
  sum: Node;
  /** The nodes that go. */
  nodes: ReadonlySet<Node>;
  /** Multiply-accumulates of them. */
  macs: number;
}

/** Operators that add two values up. */
const SUMS = new Set(['Add', 'Sum']);

/**
 * The arms of a graph, in its order.
 * @throws UserError where an input's shape is open beyond the batch.
 */
export function findArms(graph: Graph, { inputShapes }: Pick<ChannelOptions, 'inputShapes'> = {}): Arm[] {
  const { layers } = summarize(graph, { inputShapes });
  const macsOf = new Map(graph.nodes.map((node, i) => [node, layers[i].macs]));
  const shapes = new Map(
    graph.nodes.flatMap((node, i) => node.outputs.map((name, k) => [name, layers[i].outputs[k]] as const)),
  );
  const wiring = wiringOf(graph);
  const total = (nodes: ReadonlySet<Node>) => [...nodes].reduce((sum, node) => sum + macsOf.get(node)!, 0);
  return graph.nodes.flatMap((sum, i): Arm[] => {
    const [left, right, more] = sum.inputs;
    if (!SUMS.has(sum.op) || sum.domain !== '' || left === right || more !== undefined) return [];
    const [y] = layers[i].outputs;
    const sides = [left, right].map((end) => only(wiring, end, sum));
    const candidates = [0, 1].map((side): Arm => {
      const stream = sum.inputs[1 - side];
      return { name: sum.name || sum.outputs[0], stream, sum, nodes: sides[side], macs: total(sides[side]) };
    });
    const [heavier] = candidates.sort((a, b) => b.macs - a.macs);
    const { stream, nodes, macs } = heavier;
    // A stream of another shape is broadcast by the sum.
    const passes = y !== undefined && `${shapes.get(stream)}` === `${y}`;
    return macs > 0 && passes && startsAtStream(wiring, nodes, stream) ? [heavier] : [];
  });
}

interface Wiring {
  graph: Graph;
  maker: ReadonlyMap<string, Node>;
  users: ReadonlyMap<string, readonly Node[]>;
  outputs: ReadonlySet<string>;
}

function wiringOf(graph: Graph): Wiring {
  const maker = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const users = new Map<string, Node[]>();
  for (const node of graph.nodes)
    for (const name of new Set(usedValues(node))) users.set(name, [...(users.get(name) ?? []), node]);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  return { graph, maker, users, outputs };
}

/** The nodes that lead to a value and on which nothing but its sum depends. */
function only({ graph, maker, users, outputs }: Wiring, end: string, sum: Node): Set<Node> {
  const nodes = new Set<Node>();
  const last = maker.get(end);
  if (!last) return nodes;
  for (const node of graph.nodes.slice(0, graph.nodes.indexOf(last) + 1).reverse()) {
    const read = node.outputs.flatMap((name) => (users.get(name) ?? []).map((user) => ({ name, user })));
    const inside = read.every(({ name, user }) => nodes.has(user) || (user === sum && name === end));
    if (read.length > 0 && inside && !node.outputs.some((name) => outputs.has(name))) nodes.add(node);
  }
  return nodes;
}

/** Whether an arm reads the stream, or something that the stream comes from. */
function startsAtStream({ maker }: Wiring, nodes: ReadonlySet<Node>, stream: string): boolean {
  const upstream = new Set<string>();
  const open = [stream];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (upstream.has(name)) continue;
    upstream.add(name);
    open.push(...(maker.get(name)?.inputs ?? []).filter((input) => input !== ''));
  }
  return [...nodes].some(({ inputs }) =>
    inputs.some((name) => upstream.has(name) && !nodes.has(maker.get(name)!)),
  );
}

/** The graph without an arm: its sum hands on the stream, under the same name. */
export function withoutArm(graph: Graph, { sum, stream, nodes }: Arm): Graph {
  const left = graph.nodes
    .filter((node) => !nodes.has(node))
    .map(
      (node): Node => (node === sum ? { ...node, op: 'Identity', inputs: [stream], attributes: {} } : node),
    );
  const used = new Set([...left.flatMap(usedValues), ...graph.outputs.map(({ name }) => name)]);
  const initializers = new Map([...graph.initializers].filter(([name]) => used.has(name)));
  return { ...graph, nodes: left, initializers };
}

/** An arm that went, and how far the answers were from the whole network's then. */
export interface Dropped {
  arm: string;
  macs: number;
  distance: number;
}

export interface DropOptions extends Pick<ChannelOptions, 'inputShapes' | 'ignore' | 'freeze'> {
  /** How many arms go. */
  count: number;
  /** How far the outputs of a network are from those of the whole one. */
  distance: (graph: Graph) => Promise<number>;
  signal?: AbortSignal;
  onDropped?: (dropped: Dropped) => void;
}

/**
 * Drops arms one by one, each time one whose removal leaves the answers nearest to what they were. That an arm costs no less once others have
 * gone is taken for granted, so that only those are measured again that could be next. Arms with weights that are to stay (`ignore`, `freeze`) stay.
 * @returns fewer where there are not so many.
 */
export async function dropArms(
  graph: Graph,
  { count, distance, inputShapes, ignore = [], freeze = [], signal, onDropped }: DropOptions,
): Promise<{ graph: Graph; dropped: Dropped[] }> {
  const staying = new Set(weightsMeant([...ignore, ...freeze], graph));
  const mayGo = ({ nodes }: Arm) =>
    ![...nodes].some((node) => usedValues(node).some((name) => staying.has(name)));
  const dropped: Dropped[] = [];
  const known = new Map<string, number>();
  let left = graph;
  while (dropped.length < count) {
    const arms = new Map(
      findArms(left, { inputShapes })
        .filter(mayGo)
        .map((arm) => [arm.name, arm]),
    );
    if (arms.size === 0) break;
    const fresh = new Map<string, number>();
    for (;;) {
      const [next] = [...arms.values()].sort((a, b) => guess(a) - guess(b));
      if (fresh.has(next.name)) {
        left = withoutArm(left, next);
        dropped.push({ arm: next.name, macs: next.macs, distance: fresh.get(next.name)! });
        onDropped?.(dropped[dropped.length - 1]);
        break;
      }
      signal?.throwIfAborted();
      fresh.set(next.name, await distance(withoutArm(left, next)));
      known.set(next.name, fresh.get(next.name)!);
    }
  }
  return { graph: left, dropped };

  /** What is not measured yet could cost nothing. */
  function guess({ name }: Arm): number {
    return known.get(name) ?? -1;
  }
}
