/**
 * Looking rows up by indices that only a run knows: the kernel reads the first or last row in place of one that is not there, so
 * a program counts such indices beside it, for the run to be refused.
 */
import { fail } from '../base/index.js';
import type { CoreNode } from './core.js';
import { call, input } from './expression.js';
import { needed } from './needed.js';
import type { Tape } from './tape.js';

export interface Lookup {
  /** What is looked up, and the value that counts the indices outside of the table. */
  result: string;
  outside: string;
  rows: number;
  /** Name of the model's node. */
  layer: string;
}

/** Has the tape count, for each lookup, the indices that are outside of its table. */
export function countOutside(t: Tape): Lookup[] {
  const lookups: Lookup[] = [];
  for (const node of t.nodes.splice(0)) {
    t.nodes.push(node);
    if (node.op !== 'gather' || t.type(node.inputs[1]).constant) continue;
    lookups.push(counted(t, node));
  }
  return lookups;
}

/** Those that some values depend on. */
export function lookupsFor(t: Tape, lookups: readonly Lookup[], values: readonly string[]): Lookup[] {
  if (lookups.length === 0) return [];
  const made = new Set(needed(t.nodes, new Set(values)).flatMap(({ outputs }) => outputs));
  return lookups.filter(({ result }) => made.has(result));
}

function counted(t: Tape, node: CoreNode): Lookup {
  const [rows] = t.type(node.inputs[0]).shape;
  // Each comparison is false for what is not a number, which is outside too.
  const within = call('mul', call('greaterEqual', input(0), 0), call('greaterEqual', rows - 1, input(0)));
  t.layer = node.layer;
  const [missing] = t.emit('elementwise', [node.inputs[1]], { expression: call('sub', 1, within) });
  const [outside] = t.emit('reduce', [missing], { how: 'sum', axes: [0] });
  t.layer = undefined;
  return { result: node.outputs[0], outside, rows, layer: node.layer ?? '' };
}

/** @throws UserError when indices were counted. */
export function refuseOutside({ layer, rows }: Lookup, count: number): void {
  if (count === 0) return;
  fail(
    `The node '${layer}' looks up ${count === 1 ? 'an index' : `${count} indices`} outside of its table of ${rows} rows; give ids from 0 to ${rows - 1}.`,
  );
}
