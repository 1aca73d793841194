/** A network with its blocks folded: what lies in a folded block becomes one node. */
import type { DrawnNetwork, NetworkNode } from '../types.js';

export interface FoldedNode extends NetworkNode {
  /** How many nodes it stands for; the block can be opened where they are several. */
  size: number;
}

export interface Folded {
  nodes: FoldedNode[];
  edges: [string, string][];
}

/** @param open blocks that are not folded. */
export function fold({ nodes, edges }: DrawnNetwork, open: ReadonlySet<string>): Folded {
  const sizes = new Map<string, number>();
  for (const { path } of nodes) for (const name of path) sizes.set(name, (sizes.get(name) ?? 0) + 1);
  // A block with nothing in it but another block would open into the same picture.
  const isBlock = (name: string, i: number, path: readonly string[]) =>
    sizes.get(name) !== sizes.get(path[i + 1]);
  const blockOf = ({ path }: NetworkNode) => path.filter(isBlock).find((name) => !open.has(name));
  const members = new Map<string, NetworkNode[]>();
  for (const node of nodes) {
    const id = blockOf(node) ?? `#${node.id}`;
    members.set(id, [...(members.get(id) ?? []), node]);
  }
  const standsFor = new Map(
    [...members].flatMap(([id, inside]) => inside.map((node) => [node.id, id] as const)),
  );
  const joined = edges.map(([from, to]) => [standsFor.get(from)!, standsFor.get(to)!] as [string, string]);
  const different = joined.filter(([from, to]) => from !== to).map((edge) => edge.join('\0'));
  return {
    nodes: [...members].map(([id, inside]) => together(id, inside)),
    edges: [...new Set(different)].map((edge) => edge.split('\0') as [string, string]),
  };
}

const sum = (values: readonly (number | undefined)[]): number =>
  values.reduce<number>((total, value) => total + (value ?? 0), 0);

function together(id: string, inside: readonly NetworkNode[]): FoldedNode {
  const [first] = inside;
  const isBlock = !id.startsWith('#');
  const pruned = inside.filter(({ density }) => density !== undefined);
  const weights = sum(pruned.map(({ params }) => params));
  const density =
    weights > 0 ? sum(pruned.map(({ density: d, params }) => d! * params)) / weights : undefined;
  return {
    ...first,
    id,
    op: isBlock ? 'block' : first.op,
    name: isBlock ? id : first.name,
    params: sum(inside.map(({ params }) => params)),
    macs: sum(inside.map(({ macs }) => macs)),
    density,
    macsAfter: inside.some(({ macsAfter }) => macsAfter !== undefined)
      ? sum(inside.map(({ macsAfter, macs }) => macsAfter ?? macs))
      : undefined,
    size: isBlock ? inside.length : 1,
  };
}
