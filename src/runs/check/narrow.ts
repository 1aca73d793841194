/** Models that hold floats of 16 bits. */
import { type DType, dtypeOf, type Graph, isNarrow } from '../../onnx/index.js';
import type { Trial } from '../samples.js';

/** Element types that a model names: of its weights, declared values, and casts. */
function dtypesOf({ inputs, outputs, declared, initializers, nodes }: Graph): Set<DType | undefined> {
  const casts = nodes.flatMap(({ op, attributes: { to } }) =>
    op === 'Cast' && to?.type === 'int' ? [dtypeOf(to.value)] : [],
  );
  const values = [...inputs, ...outputs, ...declared.values(), ...initializers.values()];
  return new Set([...values.map(({ dtype }) => dtype), ...casts]);
}

export const isNarrowModel = (graph: Graph): boolean =>
  [...dtypesOf(graph)].some((dtype) => dtype !== undefined && isNarrow(dtype));

/** Whether anything of it is of a type that onnxruntime has few kernels for on a CPU. */
export const usesBfloat16 = (graph: Graph): boolean => dtypesOf(graph).has('bfloat16');
export const usesDoubles = (graph: Graph): boolean => dtypesOf(graph).has('float64');

/** Inputs for the same model in float32. */
export const wideInputs = (inputs: Trial['inputs']): Trial['inputs'] =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, input]) => [
      name,
      isNarrow(input.dtype) ? { ...input, dtype: 'float32' } : input,
    ]),
  );
