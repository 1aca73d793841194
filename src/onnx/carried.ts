/**
 * What a model says that a `Graph` has no word for: functions, training information, annotations, documentation and
 * metadata of nodes, values and tensors. It is kept as a model of its own that holds nothing else, in bytes, and joined
 * by name to whatever is left of the graph when that is written.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProto,
} from './generated/onnx_pb.js';
import { build } from './message.js';
import { decodeValue, hasNotes } from './values.js';

/** Gathers it from a decoded model; `names` are the names that its nodes were given, in the file's order. */
export function carry(model: ModelProto, names: readonly string[]): Uint8Array | undefined {
  const graph = model.graph!;
  const rest = build(
    GraphProtoSchema,
    {
      docString: graph.docString || undefined,
      node: graph.node.flatMap((node, i) => nodeNotes(node, names[i])),
      valueInfo: [...graph.input, ...graph.output, ...graph.valueInfo].filter(hasNotes),
      initializer: graph.initializer.flatMap(tensorNotes),
    },
    graph,
  );
  const { trainingInfo, functions } = model;
  const some = toBinary(GraphProtoSchema, rest).length > 0;
  const whole = build(ModelProtoSchema, { trainingInfo, functions, graph: some ? rest : undefined }, model);
  const bytes = toBinary(ModelProtoSchema, whole);
  return bytes.length > 0 ? bytes : undefined;
}

function nodeNotes(node: NodeProto, name: string): NodeProto[] {
  const { docString, overload, metadataProps, $unknown } = node;
  if (!docString && !overload && metadataProps.length === 0 && !$unknown) return [];
  const notes = { docString: docString || undefined, overload: overload || undefined, metadataProps };
  return [build(NodeProtoSchema, { name, ...notes }, node)];
}

function tensorNotes({ name, docString, metadataProps }: TensorProto): TensorProto[] {
  if (!docString && metadataProps.length === 0) return [];
  return [create(TensorProtoSchema, { name, docString: docString || undefined, metadataProps })];
}

/** The same, ready to be joined. */
export interface Notes {
  model: ModelProto;
  nodes: Map<string, NodeProto>;
  values: Map<string, ValueInfoProto>;
  tensors: Map<string, TensorProto>;
  /** Declarations of values that are no tensors, or of types that are not read. */
  foreign: ValueInfoProto[];
}

export function uncarry(bytes: Uint8Array | undefined): Notes {
  const model = bytes ? fromBinary(ModelProtoSchema, bytes) : create(ModelProtoSchema);
  const graph = model.graph ?? create(GraphProtoSchema);
  return {
    model,
    nodes: byName(graph.node),
    values: byName(graph.valueInfo),
    tensors: byName(graph.initializer),
    foreign: graph.valueInfo.filter((value) => !decodeValue(value)),
  };
}

const byName = <T extends { name: string }>(items: readonly T[]): Map<string, T> =>
  new Map(items.map((item) => [item.name, item]));
