/**
 * What follows a convolution or linear layer is taken into it: the sum with another value (a residual), and activations that
 * are bounds, relu and clip. Their order is sum, then bounds.
 */
import type { CoreNode, CoreOptions, Expression, Type } from '../graph/index.js';
import { isImage } from './planes.js';

/** What a node does besides: result = clip(own + residual, low, high), under the name of the last node taken in. */
export interface Tail {
  residual?: string;
  low: number;
  high: number;
}

export interface Fused {
  nodes: CoreNode[];
  tails: Map<CoreNode, Tail>;
}

const nothing: Tail = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };

/** @param kept values that must exist: the outputs. */
export function takeInTails(
  nodes: readonly CoreNode[],
  type: (name: string) => Type,
  kept: ReadonlySet<string>,
): Fused {
  const users = new Map<string, CoreNode[]>();
  for (const node of nodes)
    for (const name of node.inputs) users.set(name, [...(users.get(name) ?? []), node]);
  const gone = new Set<CoreNode>();
  const instead = new Map<CoreNode, CoreNode>();
  const tails = new Map<CoreNode, Tail>();
  const free = (node: CoreNode) => !gone.has(node) && !instead.has(node);
  const only = (name: string): CoreNode | undefined => {
    const mine = users.get(name) ?? [];
    return mine.length === 1 && !kept.has(name) && free(mine[0]) ? mine[0] : undefined;
  };
  for (const node of nodes) {
    if (node.op !== 'conv') continue;
    let last = node;
    const tail = { ...nothing };
    for (let next = only(last.outputs[0]); next; next = only(last.outputs[0])) {
      const bounds = boundsOf(next, last.outputs[0], type);
      const other =
        bounds || !isImage(type(last.outputs[0]).shape) ? undefined : addend(next, last.outputs[0], type);
      if (bounds) {
        tail.low = clamp(tail.low, bounds);
        tail.high = clamp(tail.high, bounds);
      } else if (other && !tail.residual && tail.low === nothing.low && tail.high === nothing.high)
        tail.residual = other;
      else break;
      gone.add(last);
      last = next;
    }
    const inputs = [...node.inputs, ...(tail.residual ? [tail.residual] : [])];
    const whole: CoreNode = { ...node, inputs, outputs: last.outputs };
    instead.set(last, whole);
    gone.delete(last);
    tails.set(whole, tail);
  }
  return {
    nodes: nodes.filter((node) => !gone.has(node)).map((node) => instead.get(node) ?? node),
    tails,
  };
}

interface Bounds {
  low: number;
  high: number;
}

const clamp = (x: number, { low, high }: Bounds): number => Math.min(Math.max(x, low), high);

/** The bounds that a node sets to a value, undefined where it does anything else. */
function boundsOf(node: CoreNode, name: string, type: (name: string) => Type): Bounds | undefined {
  if (node.op !== 'elementwise' || node.inputs.filter((i) => i === name).length !== 1) return undefined;
  if (`${type(node.outputs[0]).shape}` !== `${type(name).shape}`) return undefined;
  const number = (e: Expression): number | undefined => {
    if (typeof e === 'number') return e;
    const constant = 'input' in e ? type(node.inputs[e.input]).constant : undefined;
    return constant?.data.length === 1 ? Number(constant.data[0]) : undefined;
  };
  const visit = (e: Expression): Bounds | undefined => {
    if (typeof e === 'number' || 'output' in e) return undefined;
    if ('input' in e) return node.inputs[e.input] === name ? { ...nothing } : undefined;
    const of = e.f === 'relu' ? [e.of[0], 0] : e.of;
    const bound = of.map(number).find((x) => x !== undefined);
    const inner = of.find((x) => number(x) === undefined);
    const found = of.length === 2 && bound !== undefined && inner !== undefined ? visit(inner) : undefined;
    if (!found || bound === undefined || !['relu', 'max', 'min'].includes(e.f)) return undefined;
    const own = e.f === 'min' ? { ...nothing, high: bound } : { ...nothing, low: bound };
    return { low: clamp(found.low, own), high: clamp(found.high, own) };
  };
  const { expression } = (node as CoreNode<'elementwise'>).options;
  return visit(expression);
}

/** The other term of a sum of two values of one shape. */
function addend(node: CoreNode, name: string, type: (name: string) => Type): string | undefined {
  if (node.op !== 'elementwise') return undefined;
  const { expression } = node.options as CoreOptions['elementwise'];
  if (typeof expression === 'number' || !('f' in expression) || expression.f !== 'add') return undefined;
  const names = expression.of.map((e) =>
    typeof e === 'object' && 'input' in e ? node.inputs[e.input] : undefined,
  );
  const other = names.find((n) => n !== name);
  if (names.length !== 2 || !names.includes(name) || other === undefined) return undefined;
  const same = `${type(other).shape}` === `${type(name).shape}`;
  return same && !type(other).constant ? other : undefined;
}

/** Values that only stand as residuals. */
export function onlyResiduals(
  nodes: readonly CoreNode[],
  tails: ReadonlyMap<CoreNode, Tail>,
  kept: ReadonlySet<string>,
): Set<string> {
  const names = new Set([...tails.values()].flatMap(({ residual }) => residual ?? []));
  for (const node of nodes)
    for (const [i, name] of node.inputs.entries())
      if (i < 2 || tails.get(node)?.residual !== name) names.delete(name);
  for (const name of kept) names.delete(name);
  return names;
}
