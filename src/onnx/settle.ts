/**
 * Makes a freshly decoded model self-contained, everywhere in it (subgraphs and functions too): external data is
 * fetched into raw_data, and 16-bit floats become float32, with every type and every operator setting that names them.
 */
import { fail } from '../base/errors.js';
import { dtypeOf, FLOAT, isHalf } from './dtypes.js';
import type {
  AttributeProto,
  GraphProto,
  ModelProto,
  NodeProto,
  SparseTensorProto,
  TensorProto,
  TypeProto,
} from './generated/onnx_pb.js';
import { claimed, widen } from './storage.js';
import { bytesOf } from './tensor.js';

/** Fetches `length` bytes at `offset` of the file `location`, or all from there; fails with a sentence. */
export type FetchExternal = (
  location: string,
  offset: number,
  length: number | undefined,
) => Promise<Uint8Array>;

/** Attributes whose integer is an element type, as in `Cast(to)` or `RandomNormal(dtype)`. */
const typeSettings = new Set([
  'to',
  'dtype',
  'output_dtype',
  'output_datatype',
  'stash_type',
  'softmax_precision',
]);

interface Found {
  tensors: TensorProto[];
  types: TypeProto[];
  settings: AttributeProto[];
}

/**
 * Changes `model` in place. `name` is what sentences call it.
 * @returns whether it held weights of 16 bits.
 */
export async function settle(
  model: ModelProto,
  name: string,
  fetch: FetchExternal | undefined,
): Promise<boolean> {
  const found: Found = { tensors: [], types: [], settings: [] };
  collect(model, found);
  const narrow = found.tensors.some(({ dataType }) => isHalf(dataType));
  for (const tensor of found.tensors) {
    const where = `${name}: tensor ${tensor.name}`;
    if (tensor.dataLocation === 1) await inline(tensor, where, fetch);
    widen(tensor, where);
  }
  for (const type of found.types) widenType(type);
  for (const setting of found.settings) if (isHalf(setting.i)) setting.i = BigInt(FLOAT);
  return narrow;
}

async function inline(tensor: TensorProto, where: string, fetch: FetchExternal | undefined): Promise<void> {
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
  const location =
    entries.get('location') ||
    fail(`${where} is stored outside the file but does not say where; the file is damaged.`);
  if (!fetch)
    fail(
      `${where} is stored in ${location}, which is out of reach here; save the model with its weights inside.`,
    );
  const offset = count(entries.get('offset') ?? '0', where);
  const stated = entries.has('length') ? count(entries.get('length')!, where) : undefined;
  const dtype = dtypeOf(tensor.dataType);
  const width = isHalf(tensor.dataType) ? 2 : dtype && bytesOf[dtype];
  const needed = width ? claimed(tensor, where).size * width : stated;
  if (needed === undefined || (stated !== undefined && stated !== needed)) {
    fail(
      `${where} needs ${needed ?? 'some'} bytes by its shape but ${stated ?? 'none'} are stated in its external data; the file is damaged.`,
    );
  }
  const bytes = needed === 0 ? new Uint8Array() : await fetch(location, offset, needed);
  if (bytes.length !== needed)
    fail(`${where} needs ${needed} bytes of ${location} but ${bytes.length} are there; the file is damaged.`);
  tensor.rawData = bytes;
  tensor.externalData = [];
  tensor.dataLocation = 0;
}

function count(text: string, where: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    fail(
      `${where} has the external offset or length "${text}", which is no number of bytes; the file is damaged.`,
    );
  return value;
}

function widenType(type: TypeProto): void {
  for (const tensor of [type.tensorType, type.sparseTensorType]) {
    if (tensor && isHalf(tensor.elemType)) tensor.elemType = FLOAT;
  }
  for (const inner of [type.sequenceType?.elemType, type.optionalType?.elemType, type.mapType?.valueType]) {
    if (inner) widenType(inner);
  }
}

function collect(model: ModelProto, found: Found): void {
  const graphs = model.trainingInfo.flatMap((info) => [info.initialization, info.algorithm]);
  for (const graph of [model.graph, ...graphs]) if (graph) collectGraph(graph, found);
  for (const body of model.functions) {
    collectNodes(body.node, found);
    found.types.push(...body.valueInfo.flatMap((value) => value.type ?? []));
    for (const attribute of body.attributeProto) collectAttribute(attribute, found);
  }
}

function collectGraph(graph: GraphProto, found: Found): void {
  for (const tensor of graph.initializer) found.tensors.push(tensor);
  for (const sparse of graph.sparseInitializer) collectSparse(sparse, found);
  for (const values of [graph.input, graph.output, graph.valueInfo]) {
    for (const { type } of values) if (type) found.types.push(type);
  }
  collectNodes(graph.node, found);
}

function collectNodes(nodes: NodeProto[], found: Found): void {
  for (const node of nodes) {
    for (const attribute of node.attribute) collectAttribute(attribute, found);
  }
}

function collectAttribute(attribute: AttributeProto, found: Found): void {
  if (typeSettings.has(attribute.name)) found.settings.push(attribute);
  for (const tensor of [attribute.t, ...attribute.tensors]) if (tensor) found.tensors.push(tensor);
  for (const sparse of [attribute.sparseTensor, ...attribute.sparseTensors])
    if (sparse) collectSparse(sparse, found);
  for (const type of [attribute.tp, ...attribute.typeProtos]) if (type) found.types.push(type);
  for (const graph of [attribute.g, ...attribute.graphs]) if (graph) collectGraph(graph, found);
}

function collectSparse(sparse: SparseTensorProto, found: Found): void {
  for (const tensor of [sparse.values, sparse.indices]) if (tensor) found.tensors.push(tensor);
}
