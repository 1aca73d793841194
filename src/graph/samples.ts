/**
 * Where the samples of a run lie in the values of a core graph, when the graph is expanded for several of them at once.
 *
 * The sample that an element belongs to is ⌊position / stride⌋ mod count, position counted in row-major order. So a reshape changes
 * nothing, whatever axes it merges or splits, and every other operator either keeps the samples apart and says what the stride is now,
 * or lets them meet: sums over them, multiplies one with another, takes some out.
 */
import { sizeOf } from '../onnx/tensor.js';
import { coreOperator } from './core/index.js';
import type { Apart, Operand } from './core/operator.js';
import type { CoreNode, Type } from './core.js';
import { repeats } from './repeats.js';

/**
 * Where the samples are in every value that depends on the inputs.
 * @param inputs values whose first axis counts the samples.
 */
export function samplesIn(
  nodes: readonly CoreNode[],
  type: (name: string) => Type,
  inputs: readonly string[],
  count: number,
): Map<string, Apart> {
  const places = new Map<string, Apart>(
    inputs.map((name) => [name, sizeOf(type(name).shape) / count] as const),
  );
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const repeated = ({ name }: Operand, stride: number) => repeats(name, stride, { producers, type, count });
  for (const { op, inputs: names, outputs, options } of nodes) {
    const operands = names.map((name) => ({ name, shape: type(name).shape, apart: places.get(name) }));
    const given = operands.flatMap(({ apart }) => (apart === undefined ? [] : [apart]));
    if (given.length === 0 && op !== 'uniform') continue;
    for (const name of outputs)
      places.set(
        name,
        resultOf(given, () => {
          const call = { operands, result: type(name).shape, options, count, repeated };
          return coreOperator(op).samples(call);
        }),
      );
  }
  return places;
}

function resultOf(given: readonly Apart[], rule: () => Apart): Apart {
  if (given.includes('meet')) return 'meet';
  return given.includes('unknown') ? 'unknown' : rule();
}
