/** Where the nodes of a network stand. A worker runs it, since large networks take seconds; see network.tsx. */
import { Graph, layout } from '@dagrejs/dagre';

export interface Box {
  id: string;
  x: number;
  y: number;
}

export interface Layout {
  width: number;
  height: number;
  boxes: Box[];
  lines: { x: number; y: number }[][];
}

export interface LayoutRequest {
  ids: string[];
  edges: [string, string][];
}

export const BOX = { width: 190, height: 44 };

export function arrange({ ids, edges }: LayoutRequest): Layout {
  const graph = new Graph();
  graph.setGraph({ rankdir: 'TB', ranksep: 26, nodesep: 22, marginx: 8, marginy: 8 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const id of ids) graph.setNode(id, { ...BOX });
  for (const [from, to] of edges) graph.setEdge(from, to);
  layout(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return {
    width,
    height,
    boxes: ids.map((id) => ({ id, x: graph.node(id).x as number, y: graph.node(id).y as number })),
    lines: edges.map(([from, to]) => graph.edge(from, to).points as { x: number; y: number }[]),
  };
}
