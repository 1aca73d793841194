/** The network of a run as nodes and edges, with the density of each layer, for the page to draw. */
import { summarize } from '../graph/index.js';
import { type Graph, readModel } from '../onnx/index.js';
import { runFolder } from '../runs/index.js';
import type { DrawnNetwork, NetworkNode, RunDetail } from './types.js';

/** Reads the model that the run started from. @throws UserError when it cannot be read. */
export async function networkOf(folder: string, { summary, layers }: RunDetail): Promise<DrawnNetwork> {
  const graph = await readModel(runFolder(folder).start);
  const channels = (summary?.channels ?? {}) as { layers?: { name: string; after: number }[] };
  return networkIn(graph, {
    densities: new Map(layers.names.map((name, i) => [name, layers.densities.at(-1)?.[i]])),
    macsAfter: new Map(channels.layers?.map(({ name, after }) => [name, after])),
  });
}

/** What a run has made of the layers of a network, by their weights. */
export interface Outcome {
  /** Fractions of prunable weights that are kept. */
  densities?: ReadonlyMap<string, number | undefined>;
  /** MACs after channels were removed. */
  macsAfter?: ReadonlyMap<string, number>;
}

/** A model as nodes and edges. */
export function networkIn(
  graph: Graph,
  { densities = new Map(), macsAfter = new Map() }: Outcome = {},
): DrawnNetwork {
  const facts = new Map(factsOf(graph).map((layer) => [layer.name, layer]));
  const nodes = graph.nodes.map((node, i): NetworkNode => {
    const layer = facts.get(node.name);
    const weights = layer?.weights ?? [];
    const density = weights.map((name) => densities.get(name)).find((value) => value !== undefined);
    const after = weights.map((name) => macsAfter.get(name)).find((value) => value !== undefined);
    return {
      id: String(i),
      op: node.op,
      name: node.name || weights[0] || `${node.op} ${i}`,
      path: blocksOf(weights[0] ?? node.name),
      ...(density === undefined ? {} : { density }),
      params: layer?.params ?? 0,
      macs: layer?.macs ?? 0,
      ...(after === undefined ? {} : { macsAfter: after }),
    };
  });
  return { nodes, edges: edgesOf(graph) };
}

/** Layers with their MACs; none where shapes stay open. */
function factsOf(graph: Graph): ReturnType<typeof summarize>['layers'] {
  try {
    return summarize(graph).layers;
  } catch {
    return [];
  }
}

function edgesOf(graph: Graph): [string, string][] {
  const maker = new Map(
    graph.nodes.flatMap((node, i) => node.outputs.map((name) => [name, String(i)] as const)),
  );
  return graph.nodes.flatMap((node, i) =>
    node.inputs.flatMap((name): [string, string][] => {
      const from = maker.get(name);
      return from === undefined ? [] : [[from, String(i)]];
    }),
  );
}

/** 'layer1.0.conv1.weight' and '/layer1/layer1.0/conv1/Conv' lie in the blocks layer1 and layer1.0. */
function blocksOf(name: string): string[] {
  const parts = name.split(/[./]/).filter(Boolean);
  const blocks = parts.slice(0, -2);
  return blocks.map((_, i) => blocks.slice(0, i + 1).join('.'));
}
