/** Whatever in a decoded model holds elements or names their type, in subgraphs and functions too. */
import type {
  AttributeProto,
  GraphProto,
  ModelProto,
  NodeProto,
  SparseTensorProto,
  TensorProto,
  TypeProto,
} from './generated/onnx_pb.js';

/** Attributes whose integer is an element type, as in `Cast(to)` or `RandomNormal(dtype)`. */
const typeSettings = new Set([
  'to',
  'dtype',
  'output_dtype',
  'output_datatype',
  'stash_type',
  'softmax_precision',
]);

export interface Found {
  tensors: TensorProto[];
  types: TypeProto[];
  settings: AttributeProto[];
}

export function typedParts(model: ModelProto): Found {
  const found: Found = { tensors: [], types: [], settings: [] };
  collect(model, found);
  return found;
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
