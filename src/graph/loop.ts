/** Writing loops: what is used in a body, and not made there, is taken in from outside. */
import { coreOperator } from './core/index.js';
import type { Build, CoreNode, Scan, Type } from './core.js';
import { needed } from './needed.js';

export interface LoopOptions {
  /** Rounds. */
  length: number;
  /** From the last item to the first. */
  reverse?: boolean;
  /** The states before the first round. */
  states: readonly string[];
  /** Values whose first axis counts the moments. */
  items: readonly string[];
  /** Writes a round: the states behind it, in the shapes of those before it, and what is given out. */
  body(
    states: readonly string[],
    items: readonly string[],
  ): { next: readonly string[]; gives: readonly string[] };
}

export interface Looped {
  /** Of each state a list of one more than there are rounds, the first one with them: at the end of the list in reverse. */
  states: string[];
  /** Of each value that is given out a list of all rounds. */
  gives: string[];
}

/** Emits a loop. */
export function loop(b: Build, o: LoopOptions): Looped {
  const laned = [...o.states, ...o.items].some((name) => b.type(name).laned);
  const first = written(b, o, laned);
  const made = !laned && first.captured.some((name) => b.type(name).laned) ? written(b, o, true) : first;
  const outputs = b.emit('scan', [...o.states, ...o.items, ...made.captured], made.options);
  return { states: outputs.slice(0, o.states.length), gives: outputs.slice(o.states.length) };
}

interface Written {
  options: Scan;
  /** Values from around the body. */
  captured: string[];
}

/** @param laned whether states differ from sample to sample. */
function written(b: Build, o: LoopOptions, laned: boolean): Written {
  const states = o.states.map((name) => b.given({ dtype: 'float32', shape: b.type(name).shape, laned }));
  const items = o.items.map((name) => {
    const { shape, constant: _, ...type } = b.type(name);
    return b.given({ ...type, shape: shape.slice(1) });
  });
  const { nodes: all, result } = b.inside(() => o.body(states, items));
  const nodes = needed(all, new Set([...result.next, ...result.gives]));
  const inner = new Map<string, string>();
  for (const name of [...states, ...items, ...nodes.flatMap(({ outputs }) => outputs)]) inner.set(name, name);
  const captured: string[] = [];
  const known = (name: string): string => {
    if (b.type(name).constant) return name;
    if (!inner.has(name)) {
      captured.push(name);
      inner.set(name, b.given(b.type(name)));
    }
    return inner.get(name)!;
  };
  const body = nodes.map((node) => ({ ...node, inputs: node.inputs.map(known) }));
  const next = result.next.map(known);
  const gives = result.gives.map(known);
  const whole = captured.map((name) => inner.get(name)!);
  const used = [...states, ...items, ...whole, ...next, ...gives, ...body.flatMap(valuesOf)];
  const types = new Map<string, Type>(used.map((name) => [name, b.type(name)]));
  return {
    captured,
    options: {
      ...{ length: o.length, reverse: o.reverse ?? false, items, whole, gives, nodes: body, types },
      states: states.map((name, k) => ({ name, next: next[k] })),
      work: body.reduce((sum, node) => sum + workOf(node, b.type), 0),
    },
  };
}

const valuesOf = ({ inputs, outputs }: CoreNode): string[] => [...inputs, ...outputs];

/** What computing a node for one sample costs, in additions and multiplications. */
export function workOf({ op, options, inputs, outputs }: CoreNode, type: (name: string) => Type): number {
  const [taken, made] = [inputs, outputs].map((names) => names.map((name) => type(name).shape));
  return coreOperator(op).work(options, taken, made);
}

/** Nodes, and of loops those of the bodies. */
export const everyNode = (nodes: readonly CoreNode[]): CoreNode[] =>
  nodes.flatMap((node) => (node.op === 'scan' ? [node, ...everyNode((node.options as Scan).nodes)] : [node]));
