/** Nodes and their attributes, from protobuf. */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { fail } from '../base/index.js';
import type { Opaque } from './attributes.js';
import { readBody } from './bodies.js';
import { attributeType } from './dtypes.js';
import { type AttributeProto, AttributeProtoSchema, type NodeProto } from './generated/onnx_pb.js';
import type { Attribute, Node, Tensor } from './model.js';
import { outerValues, plainDomain } from './scope.js';
import { dense } from './sparse.js';
import { decodeTensor } from './storage.js';
import { floatTensor, intTensor } from './tensor.js';

/** `name` is the node's name, `where` begins the sentences. */
export function nodeOf(proto: NodeProto, name: string, where: string): Node {
  return readBody(plainNode(proto, name, where), proto, { where, nodeOf });
}

function plainNode(proto: NodeProto, name: string, where: string): Node {
  return {
    name,
    op: proto.opType,
    domain: plainDomain(proto.domain),
    inputs: proto.input,
    outputs: proto.output,
    attributes: Object.fromEntries(
      proto.attribute.map((attribute) => [
        attribute.name,
        attributeOf(attribute, `${where}: node ${name}, attribute ${attribute.name}`),
      ]),
    ),
  };
}

function attributeOf(proto: AttributeProto, where: string): Attribute {
  switch (proto.refAttrName ? undefined : typeOf(proto)) {
    case attributeType.float:
      return { type: 'float', value: proto.f };
    case attributeType.int:
      return { type: 'int', value: Number(proto.i) };
    case attributeType.tensor:
      return {
        type: 'tensor',
        value: decodeTensor(proto.t ?? fail(`${where} holds no tensor; the file is damaged.`), where),
      };
    case attributeType.floats:
      return { type: 'floats', value: proto.floats };
    case attributeType.ints:
      return { type: 'ints', value: proto.ints.map(Number) };
    case attributeType.string: {
      const value = text(proto.s);
      return value === undefined ? opaque(proto) : { type: 'string', value };
    }
    case attributeType.strings: {
      const value = proto.strings.map(text);
      return value.includes(undefined) ? opaque(proto) : { type: 'strings', value: value as string[] };
    }
    default:
      return opaque(proto);
  }
}

/** The earliest files do not say the type; there it is the field that is set. */
function typeOf(proto: AttributeProto): number {
  if (proto.type !== 0) return proto.type;
  const has = (field: keyof AttributeProto): boolean => Object.hasOwn(proto, field);
  if (has('f')) return attributeType.float;
  if (has('i')) return attributeType.int;
  if (has('s')) return attributeType.string;
  if (has('t')) return attributeType.tensor;
  if (proto.floats.length > 0) return attributeType.floats;
  if (proto.ints.length > 0) return attributeType.ints;
  return proto.strings.length > 0 ? attributeType.strings : 0;
}

/** undefined for bytes that are not UTF-8. */
function text(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function opaque(proto: AttributeProto): Attribute {
  const uses = new Set([proto.g, ...proto.graphs].flatMap((graph) => (graph ? outerValues(graph) : [])));
  const value: Opaque = { bytes: toBinary(AttributeProtoSchema, proto), uses: [...uses] };
  return { type: 'opaque', value };
}

/** The tensor that a Constant node gives; undefined for other nodes. */
export function constantOf(node: Node): Tensor | undefined {
  if (node.op !== 'Constant' || node.domain !== '' || node.outputs.length !== 1) return undefined;
  for (const [name, { type, value }] of Object.entries(node.attributes)) {
    if (name === 'value' && type === 'tensor') return value;
    if (name === 'value_float' && type === 'float') return floatTensor([], [value]);
    if (name === 'value_floats' && type === 'floats') return floatTensor([value.length], value);
    if (name === 'value_int' && type === 'int') return intTensor([], [value]);
    if (name === 'value_ints' && type === 'ints') return intTensor([value.length], value);
    if (name === 'value_string' && type === 'string') return { dtype: 'string', shape: [], data: [value] };
    if (name === 'sparse_value' && type === 'opaque') return sparseConstant(node, value as Opaque);
    if (name === 'value_strings' && type === 'strings')
      return { dtype: 'string', shape: [value.length], data: value };
  }
  return undefined;
}

function sparseConstant({ name }: Node, { bytes }: Opaque): Tensor | undefined {
  const { sparseTensor } = fromBinary(AttributeProtoSchema, bytes);
  return sparseTensor && dense(sparseTensor, `Node ${name}: its sparse tensor`);
}
