/** What of a graph has to be computed. */

/** The nodes that `wanted` depends on, in order; `reads` gives what a node uses, its inputs by default. */
export function needed<N extends { inputs: readonly string[]; outputs: readonly string[] }>(
  nodes: readonly N[],
  wanted: ReadonlySet<string>,
  reads: (node: N) => Iterable<string> = ({ inputs }) => inputs,
): N[] {
  const alive = new Set(wanted);
  const kept: N[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((name) => alive.has(name))) continue;
    for (const name of reads(node)) alive.add(name);
    kept.push(node);
  }
  return kept.reverse();
}
