/**
 * Where the samples of a run lie in the values of a core graph, when the graph is expanded for several of them at once.
 *
 * The sample that an element belongs to is ⌊position / stride⌋ mod count, position counted in row-major order. So a reshape changes
 * nothing, whatever axes it merges or splits, and every other operator either keeps the samples apart and says what the stride is now,
 * or lets them meet: sums over them, multiplies one with another, takes some out.
 */
import { sizeOf } from '../onnx/index.js';
import { coreOperator } from './core/index.js';
import type { Apart, Operand, SamplesCall } from './core/operator.js';
import type { CoreName, CoreNode, Type } from './core.js';
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
  follow({ nodes, type, count }, places);
  return places;
}

interface Followed {
  nodes: readonly CoreNode[];
  type: (name: string) => Type;
  count: number;
}

/** `outside`: whether a value from around the nodes repeats itself. */
function follow(
  { nodes, type, count }: Followed,
  places: Map<string, Apart>,
  outside?: (operand: Operand, stride: number) => boolean | undefined,
): void {
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const repeated = (operand: Operand, stride: number) =>
    outside?.(operand, stride) ?? repeats(operand.name, stride, { producers, type, count });
  const inside: SamplesCall<CoreName>['inside'] = (body, found, around) =>
    follow({ nodes: body.nodes, type: (name) => body.types.get(name)!, count }, found, (operand, stride) => {
      const name = around.get(operand.name);
      return name === undefined ? undefined : repeated({ ...operand, name }, stride);
    });
  for (const { op, inputs: names, outputs, options } of nodes) {
    const operands = names.map((name) => ({ name, shape: type(name).shape, apart: places.get(name) }));
    const given = operands.flatMap(({ apart }) => (apart === undefined ? [] : [apart]));
    if (given.length === 0 && op !== 'uniform') continue;
    for (const [output, name] of outputs.entries())
      places.set(
        name,
        resultOf(given, () => {
          const call = { operands, result: type(name).shape, options, output, count, repeated, inside };
          return coreOperator(op).samples(call);
        }),
      );
  }
}

function resultOf(given: readonly Apart[], rule: () => Apart): Apart {
  if (given.includes('meet')) return 'meet';
  return given.includes('unknown') ? 'unknown' : rule();
}
