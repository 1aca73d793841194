/**
 * Bytes of an .onnx file → `Graph`. Usable in the browser.
 *
 * Weights in Constant nodes become initialisers, 16-bit floats become float32, nodes get names and are put in order;
 * what a `Graph` has no word for travels along in `source.carried`.
 */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { fail, UserError } from '../base/errors.js';
import type { Opaque } from './attributes.js';
import { carry } from './carried.js';
import { attributeType } from './dtypes.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type ValueInfoProto,
} from './generated/onnx_pb.js';
import type { Attribute, Graph, Node, Source, Tensor, Value } from './model.js';
import { named, sorted } from './order.js';
import { type FetchExternal, settle } from './settle.js';
import { decodeTensor } from './storage.js';
import { floatTensor, intTensor } from './tensor.js';
import { decodeValue } from './values.js';

const oldestOpset = 7;

/**
 * Reads a model.
 * @param options.name what sentences call the model
 * @param options.external fetches tensors that are stored in other files; without it such a model is refused
 * @throws UserError for anything that is not a valid model, or that is not read (see the sentence).
 */
export async function parseModel(
  bytes: Uint8Array,
  options: { name?: string; external?: FetchExternal } = {},
): Promise<Graph> {
  const where = options.name ?? 'the model';
  try {
    return await parse(bytes, where, options.external);
  } catch (error) {
    if (error instanceof UserError) fail(error.message.replace(/\p{Cc}/gu, '\ufffd'));
    throw error;
  }
}

/** Its sentences quote names as the file has them, which may hold line breaks or worse. */
async function parse(bytes: Uint8Array, where: string, external: FetchExternal | undefined): Promise<Graph> {
  const model = decode(bytes, where);
  const graph = model.graph!;
  if (graph.sparseInitializer.length > 0) {
    fail(
      `${where}: initialiser ${graph.sparseInitializer[0].values?.name ?? ''} is stored sparse, which is not read; save it dense.`,
    );
  }
  const source = sourceOf(model, where);
  await settle(model, where, external);
  return graphOf(model, source, where);
}

function decode(bytes: Uint8Array, where: string): ModelProto {
  let model: ModelProto;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    fail(
      `${where} is damaged or no ONNX model (${(error as Error).message}); get it again from where it came from.`,
    );
  }
  if (!model.graph || model.irVersion <= 0n)
    fail(
      `${where} is damaged or no ONNX model (it holds no graph or no IR version); get it again from where it came from.`,
    );
  return model;
}

function sourceOf(model: ModelProto, where: string): Source {
  const opsets = Object.fromEntries(
    model.opsetImport.map(({ domain, version }) => [plainDomain(domain), Number(version)]),
  );
  const standard = model.graph!.node.some((node) => plainDomain(node.domain) === '');
  const version = opsets[''] ?? (standard ? 1 : undefined);
  if (version !== undefined && version < oldestOpset) {
    fail(
      `${where} uses ONNX operator set ${version}, and ${oldestOpset} is the oldest that is read; convert it with onnx.version_converter.`,
    );
  }
  return {
    irVersion: Number(model.irVersion),
    opsets,
    producerName: model.producerName,
    producerVersion: model.producerVersion,
    domain: model.domain,
    modelVersion: Number(model.modelVersion),
    doc: model.docString,
    metadata: Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value])),
  };
}

function graphOf(model: ModelProto, source: Source, where: string): Graph {
  const proto = model.graph!;
  const initializers = initializersOf(proto, where);
  const inputs = declarations(proto.input, (name) => !initializers.has(name), `${where}: input`);
  const outputs = declarations(proto.output, () => true, `${where}: output`);
  const all = named(proto.node.map((node) => ({ name: node.name, op: node.opType, proto: node })));
  const carried = carry(
    model,
    all.map((node) => node.name),
  );
  const nodes: Node[] = [];
  for (const { name, proto } of all) {
    const node = nodeOf(proto, name, where);
    const constant = constantOf(node);
    if (!constant) nodes.push(node);
    else if (node.outputs[0]) addInitializer(initializers, node.outputs[0], constant, where);
  }
  const given = [...inputs.map((input) => input.name), ...initializers.keys()];
  const wanted = outputs.map((output) => output.name);
  return {
    name: proto.name,
    inputs,
    outputs,
    nodes: sorted(nodes, given, wanted, where),
    initializers,
    declared: new Map(
      proto.valueInfo.flatMap((info) => {
        const value = decodeValue(info);
        return value ? [[info.name, value]] : [];
      }),
    ),
    source: carried ? { ...source, carried } : source,
  };
}

function initializersOf(proto: GraphProto, where: string): Map<string, Tensor> {
  const initializers = new Map<string, Tensor>();
  for (const tensor of proto.initializer) {
    addInitializer(initializers, tensor.name, decodeTensor(tensor, `${where}: tensor ${tensor.name}`), where);
  }
  return initializers;
}

function addInitializer(
  initializers: Map<string, Tensor>,
  name: string,
  tensor: Tensor,
  where: string,
): void {
  if (name === '') fail(`${where}: an initialiser has no name; the model is not valid ONNX.`);
  if (initializers.has(name)) fail(`${where}: value ${name} is given twice; the model is not valid ONNX.`);
  initializers.set(name, tensor);
}

function declarations(protos: ValueInfoProto[], wanted: (name: string) => boolean, where: string): Value[] {
  const seen = new Set<string>();
  return protos
    .filter(({ name }) => wanted(name))
    .map((proto) => {
      if (proto.name === '' || seen.has(proto.name))
        fail(
          `${where} ${proto.name || 'without a name'} is declared ${proto.name ? 'twice' : ''}; the model is not valid ONNX.`,
        );
      seen.add(proto.name);
      return (
        decodeValue(proto) ??
        fail(
          `${where} ${proto.name} is no tensor, or of a type that is not read; only models from tensors to tensors are read.`,
        )
      );
    });
}

function nodeOf(proto: NodeProto, name: string, where: string): Node {
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

/** What a subgraph uses but does not make itself. */
function outerValues(graph: GraphProto): string[] {
  const own = new Set([
    '',
    ...graph.input.map((value) => value.name),
    ...graph.initializer.map((tensor) => tensor.name),
    ...graph.sparseInitializer.map((sparse) => sparse.values?.name ?? ''),
    ...graph.node.flatMap((node) => node.output),
  ]);
  const used = graph.node.flatMap((node) => [
    ...node.input,
    ...node.attribute.flatMap(({ g, graphs }) =>
      [g, ...graphs].flatMap((inner) => (inner ? outerValues(inner) : [])),
    ),
  ]);
  return [...used, ...graph.output.map((value) => value.name)].filter((name) => !own.has(name));
}

/** The tensor that a Constant node gives; undefined for other nodes and for sparse constants. */
function constantOf(node: Node): Tensor | undefined {
  if (node.op !== 'Constant' || node.domain !== '' || node.outputs.length !== 1) return undefined;
  for (const [name, { type, value }] of Object.entries(node.attributes)) {
    if (name === 'value' && type === 'tensor') return value;
    if (name === 'value_float' && type === 'float') return floatTensor([], [value]);
    if (name === 'value_floats' && type === 'floats') return floatTensor([value.length], value);
    if (name === 'value_int' && type === 'int') return intTensor([], [value]);
    if (name === 'value_ints' && type === 'ints') return intTensor([value.length], value);
    if (name === 'value_string' && type === 'string') return { dtype: 'string', shape: [], data: [value] };
    if (name === 'value_strings' && type === 'strings')
      return { dtype: 'string', shape: [value.length], data: value };
  }
  return undefined;
}

/** 'ai.onnx' is another way to write ''. */
const plainDomain = (domain: string): string => (domain === 'ai.onnx' ? '' : domain);
