/**
 * What a network would cost without so many units of each group, without making it.
 *
 * A parameter loses of every axis the positions of the units that go, so parameters are counted exactly. A layer's MACs grow
 * with its weight: those of a convolution are its weights times the pixels it makes. Products of two activations (attention)
 * are counted as they were, so MACs of networks that have them are estimated too high.
 */
import { originIn, summarize } from '../../graph/index.js';
import { type Graph, sizeOf } from '../../onnx/index.js';
import { withMembers } from '../find/weights.js';
import type { Channels } from '../types.js';

/** Units that are kept of groups, by name; groups that are absent are whole. */
export type Counts = ReadonlyMap<string, number>;

export interface Estimate {
  macs(counts: Counts): number;
  params(counts: Counts): number;
}

/** @throws UserError where the shape of an input is open beyond the batch. */
export function estimateOf(given: Graph, channels: Channels): Estimate {
  const graph = withMembers(given);
  const shareOf = sharesIn(graph, channels);
  const { layers, macs, params } = summarize(graph, { inputShapes: channels.options?.inputShapes });
  const origin = originIn(graph);
  const used = new Set(layers.flatMap(({ weights }) => weights.flatMap((name) => origin(name) ?? [])));
  const sizes = [...used].map((name) => [name, sizeOf(graph.initializers.get(name)!.shape)] as const);
  const working = layers.flatMap(({ weights, macs }) => {
    const name = origin(weights[0] ?? '');
    return name !== undefined && macs > 0 ? [[name, macs] as const] : [];
  });
  const less =
    (parts: readonly (readonly [name: string, size: number])[], total: number) => (counts: Counts) =>
      total - parts.reduce((gone, [name, size]) => gone + size * (1 - shareOf(name, counts)), 0);
  return { macs: less(working, macs), params: less(sizes, params) };
}

/** What removing one unit of each group saves, to begin with. */
export function pricesOf(
  graph: Graph,
  channels: Channels,
  what: 'macs' | 'params' = 'macs',
): Map<string, number> {
  const estimate = estimateOf(graph, channels)[what];
  const whole = estimate(new Map());
  return new Map(
    channels.groups.map(({ name, size }) => [name, whole - estimate(new Map([[name, size - 1]]))]),
  );
}

/** Tells which fraction of a tensor's numbers is left. */
function sharesIn(graph: Graph, { groups }: Channels): (name: string, counts: Counts) => number {
  type Axis = { dim: number; on: { group: string; size: number; each: number }[] };
  const axes = new Map<string, Map<number, Axis>>();
  for (const { name: group, size, members } of groups)
    for (const { tensor, axis, positions } of members) {
      const own = axes.get(tensor) ?? new Map<number, Axis>();
      const found = own.get(axis) ?? { dim: graph.initializers.get(tensor)!.shape[axis], on: [] };
      found.on.push({ group, size, each: positions[0].length });
      axes.set(tensor, own.set(axis, found));
    }
  return (name, counts) => {
    let share = 1;
    for (const { dim, on } of axes.get(name)?.values() ?? []) {
      const gone = on.reduce(
        (sum, { group, size, each }) => sum + (size - (counts.get(group) ?? size)) * each,
        0,
      );
      share *= 1 - gone / dim;
    }
    return share;
  };
}
