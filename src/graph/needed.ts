/** What of a core graph has to be computed. */
import type { CoreNode } from './core.js';

/** The nodes that `wanted` depends on, in order. */
export function needed(nodes: readonly CoreNode[], wanted: ReadonlySet<string>): CoreNode[] {
  const alive = new Set(wanted);
  const kept: CoreNode[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((name) => alive.has(name))) continue;
    for (const name of node.inputs) alive.add(name);
    kept.push(node);
  }
  return kept.reverse();
}
