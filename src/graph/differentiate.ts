/**
 * Reverse-mode differentiation of a core graph: gradients are more core operators on the same tape.
 */
import { derivativesOf } from './core/derivatives.js';
import { sumTo } from './core/derive.js';
import type { Differentiate } from './core/operator.js';
import type { CoreNode } from './core.js';
import { call, input } from './expression.js';
import type { Tape } from './tape.js';

/**
 * Emits ∂L/∂v for every value in `wanted` and returns their names; a value that L does not depend on is left out.
 * @param seeds core values whose gradients are known, e.g. the logits with ∂L/∂logits.
 */
export function differentiate(
  t: Tape,
  seeds: ReadonlyMap<string, string>,
  wanted: readonly string[],
): Map<string, string> {
  const found = through(t, [...t.nodes], seeds, wanted);
  t.layer = undefined;
  return found;
}

const through: Differentiate = (b, nodes, seeds, wanted, use) => {
  const t = b as Tape;
  const gradients = new Map<string, string>(seeds);
  const needed = dependants(nodes, [...wanted, ...(use?.apart ?? [])]);
  for (const node of nodes.toReversed()) {
    const dys = node.outputs.map((name) => gradients.get(name));
    const wants = node.inputs.map((name) => needed.has(name));
    if (!wants.includes(true) || !isGiven(node, dys)) continue;
    t.layer = node.layer;
    const summed = node.inputs.map((name, i) => wants[i] && !use?.apart.has(name));
    const parts = summed.includes(true) ? gradientOf(t, node, dys, summed) : [];
    node.inputs.forEach((name, i) => {
      if (wants[i] && !summed[i])
        use!.take(
          node,
          i,
          dys,
          () =>
            gradientOf(
              t,
              node,
              dys,
              summed.map((_, k) => k === i),
            )[i],
        );
      if (parts[i] === undefined || !summed[i]) return;
      // What all samples share has the sum of their gradients.
      const part = t.type(name).laned ? parts[i] : sumTo(t, parts[i], name);
      const sum = gradients.get(name);
      gradients.set(
        name,
        sum === undefined ? part : t.emit('elementwise', [sum, part], { expression: plus })[0],
      );
    });
  }
  return new Map(wanted.flatMap((name) => (gradients.has(name) ? [[name, gradients.get(name)!]] : [])));
};

/** Most operators go by the gradient of their first output. */
const isGiven = (node: CoreNode, dys: readonly (string | undefined)[]): boolean =>
  derivativesOf(node.op).gradients ? dys.some((dy) => dy !== undefined) : dys[0] !== undefined;

const plus = call('add', input(0), input(1));

/** Every value that depends on one of `roots`, these included. */
function dependants(nodes: readonly CoreNode[], roots: readonly string[]): Set<string> {
  const found = new Set(roots);
  for (const node of nodes) {
    if (node.inputs.some((name) => found.has(name))) for (const name of node.outputs) found.add(name);
  }
  return found;
}

function gradientOf(
  t: Tape,
  node: CoreNode,
  dys: readonly (string | undefined)[],
  wants: readonly boolean[],
): (string | undefined)[] {
  const { gradient, gradients } = derivativesOf(node.op);
  if (node.gradient) return node.gradient(t, dys[0]!);
  if (gradients) return gradients(t, node, dys, wants, through);
  if (gradient === 'none') throw new Error(`The core operator ${node.op} has no gradient`);
  return gradient(t, node, dys[0]!, wants);
}
