/**
 * Bytes of an .onnx file → `Graph`. Usable in the browser.
 *
 * Weights in Constant nodes and those that are stored sparse become initialisers, 16-bit floats become float32, calls of the
 * model's own functions and an If whose condition is known become the nodes that they stand for, nodes get names and are put in
 * order; what a `Graph` has no word for travels along in `source.carried`.
 */
import { fromBinary } from '@bufbuild/protobuf';
import { fail } from '../base/index.js';
import { liftConstants } from './bodies.js';
import { decideBranches } from './branches.js';
import { carry } from './carried.js';
import { inlineFunctions } from './functions.js';
import {
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type ValueInfoProto,
} from './generated/onnx_pb.js';
import type { Graph, Node, Source, Tensor, Value } from './model.js';
import { constantOf, nodeOf } from './nodes.js';
import { named, sorted } from './order.js';
import { plainDomain } from './scope.js';
import { type FetchExternal, settle } from './settle.js';
import { refuseLargeSparse, sparseWeights } from './sparse.js';
import { decodeTensor } from './storage.js';
import { decodeValue } from './values.js';

const oldestOpset = 7;

/** Options of {@link parseModel}. */
export interface ParseOptions {
  /** What messages call the model. Defaults to 'the model'. */
  name?: string;
  /** Fetches tensors that are stored in other files; without it such a model is refused. */
  external?: FetchExternal;
}

/**
 * Reads a model.
 * @throws UserError for anything that is not a valid model, or that is not read (see the sentence).
 */
export async function parseModel(bytes: Uint8Array, options: ParseOptions = {}): Promise<Graph> {
  return parse(bytes, options.name ?? 'the model', options.external);
}

async function parse(bytes: Uint8Array, where: string, external: FetchExternal | undefined): Promise<Graph> {
  const model = decode(bytes, where);
  await settle(model, where, external);
  inlineFunctions(model, where);
  decideBranches(model.graph!, where);
  liftConstants(model.graph!);
  refuseLargeSparse(model.graph!, where);
  const source = sourceOf(model, where);
  return graphOf(model, source, where);
}

function decode(bytes: Uint8Array, where: string): ModelProto {
  let model: ModelProto;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    fail(
      `${where} is damaged or not an ONNX model (${(error as Error).message}); get it again from where it came from.`,
    );
  }
  if (!model.graph || model.irVersion <= 0n)
    fail(
      `${where} is damaged or not an ONNX model (it holds no graph or no IR version); get it again from where it came from.`,
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
  const names = all.map((node) => node.name);
  const carried = carry(model, names);
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
  for (const [name, tensor] of sparseWeights(proto, where)) addInitializer(initializers, name, tensor, where);
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
          `${where} ${proto.name} is not a tensor, or has a type that is not supported; only models with tensors as inputs and outputs can be read: export it without (scikit-learn's with options={'zipmap': False}).`,
        )
      );
    });
}
