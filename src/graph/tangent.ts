/**
 * Forward-mode differentiation of a core graph: how its values change, to first order, when some of them move in a given
 * direction. Of a graph that has its gradient g on the tape already, the tangent of g along v is Hv, H the Hessian: exact,
 * in about the time of two more gradients (Pearlmutter 1994). BatchNorm's statistics and the softmax of the loss move too.
 * Kinks have no second derivative: ReLU″ = 0, and the winners of a pool stay.
 */
import { sizeOf } from '../onnx/index.js';
import { derivativesOf } from './core/derivatives.js';
import type { MoveNodes } from './core/operator.js';
import { formula, ones, total } from './core/tangents.js';
import type { Build } from './core.js';
import { call, input } from './expression.js';
import type { Tape } from './tape.js';

/**
 * Emits the tangent of every value in `wanted` and returns their names; a value that does not move is left out.
 * @param directions the tangents of the values that move of themselves.
 * @param sample any value that differs from sample to sample: their number is counted by it.
 */
export function tangentsOf(
  t: Tape,
  directions: ReadonlyMap<string, string>,
  wanted: readonly string[],
  sample: string,
): Map<string, string> {
  const tangents = new Map(directions);
  const samples = total(t, ones(t, sample), []);
  const count = formula(t, call('div', input(0), sizeOf(t.type(sample).shape)), [samples]);
  moveNodes(t, [...t.nodes], tangents, count);
  return new Map(wanted.flatMap((name) => (tangents.has(name) ? [[name, tangents.get(name)!]] : [])));
}

const moveNodes: MoveNodes = (t, nodes, tangents, count) => {
  for (const node of nodes) {
    if (!node.inputs.some((name) => tangents.has(name))) continue;
    const moved = node.inputs.map((name) => tangents.get(name));
    const { tangent } = derivativesOf(node.op);
    if (tangent === 'none') throw new Error(`The core operator ${node.op} has no tangent`);
    const results = tangent(t, node, moved, count, moveNodes);
    node.outputs.forEach((name, i) => {
      const result = results[i];
      if (result !== undefined) tangents.set(name, like(t, result, name));
    });
  }
};

/** A tangent as large as its value, and laned where that is. */
function like(t: Build, tangent: string, value: string): string {
  const [from, to] = [t.type(tangent), t.type(value)];
  const same = from.laned === to.laned && from.shape.join() === to.shape.join();
  return same
    ? tangent
    : formula(t, call('choose', call('equal', input(1), input(1)), input(0), 0), [tangent, value]);
}
