/**
 * What the core operators mean, one after another in float64, as plainly as possible. The truth that kernels and
 * gradients are tested against, and what computes constants when a model is expanded.
 */
import { coreOperator, coreTypes } from '../core/index.js';
import type { CoreNode, Type } from '../core.js';
import type { ReferenceValue } from './value.js';

/**
 * Runs core nodes in order.
 * @param inputs values by name; those that `normalize` updates are replaced there.
 * @returns all values, those of `inputs` too.
 */
export function runCore(
  nodes: readonly CoreNode[],
  inputs: Map<string, ReferenceValue>,
  { seed = 0, count: least = 1 }: { seed?: number; count?: number } = {},
): Map<string, ReferenceValue> {
  const values = new Map(inputs);
  const count = Math.max(least, ...[...inputs.values()].map((value) => value.samples.length));
  for (const node of nodes) {
    const operands = node.inputs.map((name) => values.get(name)!);
    const types = operands.map((value): Type => ({ dtype: 'float32', ...value }));
    const call = {
      ...{ inputs: operands, outputs: coreTypes(node, types), options: node.options, count, seed },
      inside: (body: readonly CoreNode[], given: Map<string, ReferenceValue>) =>
        runCore(body, given, { seed, count }),
    };
    const results = coreOperator(node.op).compute(call);
    for (const [i, name] of node.outputs.entries()) values.set(name, results[i]);
    if (node.op === 'normalize') {
      for (const k of [3, 4]) {
        values.set(node.inputs[k], results[k + 1]);
        inputs.set(node.inputs[k], results[k + 1]);
      }
    }
  }
  return values;
}
