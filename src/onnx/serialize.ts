/**
 * `Graph` → bytes of an .onnx file. Usable in the browser.
 *
 * A protobuf message is its fields in any order, so the two messages that hold the weights (graph and tensor) are put
 * together here by hand from pieces: the elements are copied once, into the result.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { fail } from '../base/index.js';
import type { Opaque } from './attributes.js';
import { bodyProto, inputsInFile } from './bodies.js';
import { type Notes, uncarry } from './carried.js';
import { attributeType } from './dtypes.js';
import { withFront } from './front.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  TensorProtoSchema,
} from './generated/onnx_pb.js';
import { build } from './message.js';
import type { Attribute, Graph, Node, Tensor, Value } from './model.js';
import { encodeTensor } from './storage.js';
import { encodeValue } from './values.js';

/** Protobuf holds no message of 2 GiB or more. */
const largest = 2 ** 31 - 1;
const field = { modelGraph: 7, graphInitializer: 5, tensorRawData: 9 };

/**
 * Writes a model: IR version, operator sets, names and notes as in `graph.source`.
 * @throws UserError when it would be 2 GiB or more, or holds an operator of our own.
 */
export function serializeModel(model: Graph): Uint8Array {
  const graph = withFront(model);
  const inner = graph.nodes.find((node) => node.domain === 'espalier');
  if (inner)
    fail(
      `Node ${inner.name} (${inner.op}) is for training only and cannot be written; export the trained graph instead.`,
    );
  const notes = uncarry(graph.source.carried);
  const weights = [...graph.initializers].flatMap(([name, tensor]) => {
    const parts = tensorParts(name, tensor, notes);
    return [header(field.graphInitializer, lengthOf(parts)), ...parts];
  });
  const body = [graphHead(graph, notes), ...weights];
  return join([modelHead(graph, notes), header(field.modelGraph, lengthOf(body)), ...body]);
}

function modelHead({ source }: Graph, notes: Notes): Uint8Array {
  const fields = {
    irVersion: toInt64(source.irVersion),
    producerName: source.producerName || undefined,
    producerVersion: source.producerVersion || undefined,
    domain: source.domain || undefined,
    modelVersion: toInt64(source.modelVersion),
    docString: source.doc || undefined,
    opsetImport: Object.entries(source.opsets).map(([domain, version]) => ({
      domain,
      version: toInt64(version),
    })),
    metadataProps: Object.entries(source.metadata).map(([key, value]) => ({ key, value })),
    trainingInfo: notes.model.trainingInfo,
    functions: notes.model.functions,
  };
  return toBinary(ModelProtoSchema, build(ModelProtoSchema, fields, notes.model));
}

function graphHead(graph: Graph, notes: Notes): Uint8Array {
  const encode = (value: Value) => encodeValue(value, notes.values.get(value.name));
  const fields = {
    name: graph.name,
    docString: notes.model.graph?.docString || undefined,
    node: graph.nodes.map((node) => nodeProto(node, notes.nodes.get(node.name))),
    input: [...graph.inputs, ...listedWeights(graph)].map(encode),
    output: graph.outputs.map(encode),
    valueInfo: [...[...graph.declared.values()].map(encode), ...notes.foreign],
  };
  return toBinary(GraphProtoSchema, build(GraphProtoSchema, fields, notes.model.graph));
}

/** Before IR version 4, initialisers had to be listed as inputs. */
function listedWeights(graph: Graph): Value[] {
  if (graph.source.irVersion >= 4) return [];
  return [...graph.initializers].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
}

function nodeProto(node: Node, notes?: NodeProto): NodeProto {
  const fields = {
    name: node.name,
    opType: node.op,
    domain: node.domain || undefined,
    input: inputsInFile(node),
    output: node.outputs,
    attribute: Object.entries(node.attributes).map(([name, attribute]) =>
      attribute.type === 'body'
        ? create(AttributeProtoSchema, { name, type: attributeType.graph, g: bodyProto(node, nodeProto) })
        : attributeProto(name, attribute),
    ),
    docString: notes?.docString || undefined,
    overload: notes?.overload || undefined,
    metadataProps: notes?.metadataProps,
  };
  return build(NodeProtoSchema, fields, notes);
}

function attributeProto(name: string, attribute: Exclude<Attribute, { type: 'body' }>): AttributeProto {
  if (attribute.type === 'opaque') {
    return fromBinary(AttributeProtoSchema, (attribute.value as Opaque).bytes);
  }
  return create(AttributeProtoSchema, { name, type: attributeType[attribute.type], ...content(attribute) });
}

function content(attribute: Exclude<Attribute, { type: 'opaque' | 'body' }>) {
  const encoder = new TextEncoder();
  switch (attribute.type) {
    case 'int':
      return { i: toInt64(attribute.value) };
    case 'ints':
      return { ints: attribute.value.map(toInt64) };
    case 'float':
      return { f: attribute.value };
    case 'floats':
      return { floats: attribute.value };
    case 'string':
      return { s: encoder.encode(attribute.value) };
    case 'strings':
      return { strings: attribute.value.map((text) => encoder.encode(text)) };
    case 'tensor': {
      const { raw, ...head } = encodeTensor(attribute.value);
      return { t: create(TensorProtoSchema, { ...head, rawData: raw }) };
    }
    default:
      return attribute satisfies never;
  }
}

/** A number beyond int64 is its nearest end, as in `Slice(ends = INT64_MAX)`. */
const toInt64 = (value: number): bigint =>
  value >= 2 ** 63 ? 2n ** 63n - 1n : value < -(2 ** 63) ? -(2n ** 63n) : BigInt(value);

function tensorParts(name: string, tensor: Tensor, notes: Notes): Uint8Array[] {
  const { raw, ...head } = encodeTensor(tensor);
  const { docString, metadataProps } = notes.tensors.get(name) ?? {};
  const start = toBinary(
    TensorProtoSchema,
    create(TensorProtoSchema, { ...head, name, docString: docString || undefined, metadataProps }),
  );
  return raw ? [start, header(field.tensorRawData, raw.length), raw] : [start];
}

/** Key and length of a field that holds bytes (wire type 2). */
const header = (number: number, length: number): Uint8Array =>
  length > largest
    ? tooLarge()
    : new BinaryWriter()
        .uint32((number << 3) | 2)
        .uint32(length)
        .finish();

const lengthOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, part) => sum + part.length, 0);

function join(parts: readonly Uint8Array[]): Uint8Array {
  const length = lengthOf(parts);
  if (length > largest) tooLarge();
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function tooLarge(): never {
  fail(
    'The model is 2 GiB or larger and cannot be written as one .onnx file; prune it further before exporting.',
  );
}
