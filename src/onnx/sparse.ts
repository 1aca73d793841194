/** Tensors stored sparse: the values that are not zero, and where they lie. */
import { fail, refuseBomb } from '../base/index.js';
import type { GraphProto, SparseTensorProto } from './generated/onnx_pb.js';
import type { Tensor } from './model.js';
import { decodeTensor } from './storage.js';
import { emptyData, ints, sizeOf } from './tensor.js';

/**
 * To be asked before any of them is made dense.
 * @throws UserError when the weights and constants of a graph that are stored sparse are more than may be unpacked.
 */
export function refuseLargeSparse({ sparseInitializer, node }: GraphProto, where: string): void {
  const constants = node.flatMap(({ attribute }) =>
    attribute.flatMap(({ sparseTensor }) => sparseTensor ?? []),
  );
  const bytes = [...sparseInitializer, ...constants].map(({ dims }) => 4 * sizeOf(dims.map(Number)));
  refuseBomb(
    `${where} with its sparse tensors`,
    bytes.reduce((sum, size) => sum + Math.abs(size), 0),
    'save what is not mostly zero as ordinary tensors',
  );
}

/** The weights of a graph that are stored sparse, dense. @throws UserError where they are damaged. */
export const sparseWeights = (graph: GraphProto, where: string): [name: string, tensor: Tensor][] =>
  graph.sparseInitializer.map((sparse) => {
    const name = sparse.values?.name ?? '';
    return [name, dense(sparse, `${where}: sparse tensor ${name}`)];
  });

/** @throws UserError for indices that lie outside or are not as many as values. */
export function dense({ values, indices, dims }: SparseTensorProto, where: string): Tensor {
  if (!values || !indices) fail(`${where} lacks its values or indices; the file is damaged.`);
  const shape = dims.map(Number);
  const size = sizeOf(shape);
  if (shape.some((dim) => dim < 0)) fail(`${where} has a negative dimension; the file is damaged.`);
  const { dtype, data } = decodeTensor(values, where);
  const places = positionsIn(shape, decodeTensor(indices, `${where}, indices`), data.length, where);
  const result = emptyData(dtype, size);
  places.forEach((place, i) => {
    (result as Float32Array)[place] = (data as Float32Array)[i];
  });
  return { dtype, shape, data: result };
}

/** Where the values lie in the dense tensor; indices count elements, or along every axis. */
function positionsIn(shape: readonly number[], indices: Tensor, count: number, where: string): number[] {
  const list = ints(indices);
  const width = indices.shape.length === 2 ? shape.length : 1;
  if (list.length !== count * width)
    fail(`${where} has ${count} values but ${list.length / width} indices; the file is damaged.`);
  const sizes = width === 1 && indices.shape.length < 2 ? [sizeOf(shape)] : shape;
  return Array.from({ length: count }, (_, k) => {
    const index = list.slice(k * width, (k + 1) * width);
    if (index.some((at, axis) => at < 0 || at >= sizes[axis]))
      fail(
        `${where} has a value at [${index.join(', ')}], outside of [${shape.join(', ')}]; the file is damaged.`,
      );
    return index.reduce((flat, at, axis) => flat * sizes[axis] + at, 0);
  });
}
