/** What is computed from constants alone while a model is read: how much of it, at most, and what a node costs. */
import { fail } from '../base/index.js';
import { sizeOf } from '../onnx/index.js';
import { coreOperator } from './core/index.js';
import type { CoreNode, Type } from './core.js';
import { type Budget, describe, type Operator, type Site } from './operator.js';

/** What a graph's constants may cost. */
export const budget = (): Budget => ({ work: 2 ** 30, elements: 2 ** 29 });

/** Elements of a constant that is computed; what is larger is computed when the model runs. */
export const mostFolded = 2 ** 27;

/** Whether nodes may be computed, whose work is then gone from the budget. */
export function affords(
  left: Pick<Budget, 'work'>,
  nodes: readonly CoreNode[],
  type: (name: string) => Pick<Type, 'shape'>,
): boolean {
  let work = 0;
  for (const node of nodes) {
    const [inputs, outputs] = [node.inputs, node.outputs].map((names) =>
      names.map((name) => type(name).shape),
    );
    if ([...inputs, ...outputs].some((shape) => sizeOf(shape) > mostFolded)) return false;
    work += coreOperator(node.op).work(node.options, inputs, outputs);
  }
  if (work > left.work) return false;
  left.work -= work;
  return true;
}

/**
 * Types of a node's outputs, with their contents where those follow from constants and shapes alone and are not too much.
 * @throws UserError where a graph's constants together are too much.
 */
export function foldedTypes(site: Site, operator: Operator, left: Budget): Omit<Type, 'laned'>[] {
  const constant = site.inputs.every((type) => !type || type.constant);
  const tensors = constant ? operator.evaluate?.(site, left) : undefined;
  const types = tensors?.map((tensor) => ({ ...tensor, constant: tensor })) ?? operator.infer(site);
  for (const { shape, constant } of types) {
    if (!constant) continue;
    left.elements -= sizeOf(shape);
    if (left.elements < 0)
      fail(
        `${describe(site.node)} makes a constant with which all constants of the model have more than ${budget().elements} elements; use smaller inputs, or check the model.`,
      );
  }
  return types;
}
