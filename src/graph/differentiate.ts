/**
 * Reverse-mode differentiation of a core graph: gradients are more core operators on the same tape.
 */
import { derivativesOf } from './core/derivatives.js';
import { sumTo } from './core/derive.js';
import type { Gradient } from './core/operator.js';
import type { CoreName } from './core.js';
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
  const gradients = new Map<string, string>(seeds);
  const needed = dependants(t, wanted);
  for (const node of [...t.nodes].reverse()) {
    const dy = gradients.get(node.outputs[0]);
    if (dy === undefined || !node.inputs.some((name) => needed.has(name))) continue;
    const wants = node.inputs.map((name) => needed.has(name));
    t.layer = node.layer;
    const parts = node.gradient ? node.gradient(t, dy) : gradientOf(t, node, dy, wants);
    node.inputs.forEach((name, i) => {
      if (parts[i] === undefined || !wants[i]) return;
      // What all samples share has the sum of their gradients.
      const part = t.type(name).laned ? parts[i] : sumTo(t, parts[i], name);
      const sum = gradients.get(name);
      gradients.set(
        name,
        sum === undefined ? part : t.emit('elementwise', [sum, part], { expression: plus })[0],
      );
    });
  }
  t.layer = undefined;
  return new Map(wanted.flatMap((name) => (gradients.has(name) ? [[name, gradients.get(name)!]] : [])));
}

const plus = call('add', input(0), input(1));

/** Every value that depends on one of `roots`, these included. */
function dependants(t: Tape, roots: readonly string[]): Set<string> {
  const found = new Set(roots);
  for (const node of t.nodes) {
    if (node.inputs.some((name) => found.has(name))) for (const name of node.outputs) found.add(name);
  }
  return found;
}

const gradientOf: Gradient<CoreName> = (t, node, dy, wants) => {
  const { gradient } = derivativesOf(node.op);
  if (gradient === 'none') throw new Error(`The core operator ${node.op} has no gradient`);
  return gradient(t, node, dy, wants);
};
