/**
 * What a Loop or Scan repeats. In a file it is a graph inside the node, with weights of its own and free use of the values around it;
 * in memory its weights are the model's, and what it takes from around it are further inputs of the node.
 */
import { create } from '@bufbuild/protobuf';
import { bodyOf, ownInputs, usedValues } from './attributes.js';
import {
  type GraphProto,
  GraphProtoSchema,
  type NodeProto,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './generated/onnx_pb.js';
import type { Body, BodyValue, Node, Value } from './model.js';
import { named, sorted } from './order.js';
import { allDefined, definedIn, freshNames, plainDomain, renameValues } from './scope.js';
import { decodeValue, encodeValue } from './values.js';

const repeating: ReadonlySet<string> = new Set(['Loop', 'Scan']);

const bodyIn = ({ opType, domain, attribute }: NodeProto): GraphProto | undefined =>
  repeating.has(opType) && plainDomain(domain) === ''
    ? attribute.find(({ name }) => name === 'body')?.g
    : undefined;

/** Makes weights and constants of bodies, in place, those of the graph around them; names that are there already become others. */
export function liftConstants(graph: GraphProto): void {
  if (!graph.node.some(bodyIn)) return;
  const counts = new Map<string, number>();
  for (const name of allDefined(graph)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const fresh = freshNames(counts.keys());
  const rename = (name: string) => (counts.get(name) === 1 ? name : fresh(name));
  const lift = (node: NodeProto): void => {
    const body = bodyIn(node);
    if (!body) return;
    separate(body, rename);
    const constant = (each: NodeProto) => each.opType === 'Constant' && plainDomain(each.domain) === '';
    graph.initializer.push(...body.initializer.splice(0));
    graph.sparseInitializer.push(...body.sparseInitializer.splice(0));
    graph.node.push(...body.node.filter(constant));
    body.node = body.node.filter((each) => !constant(each));
    body.node.forEach(lift);
  };
  for (const node of [...graph.node]) lift(node);
}

/** Gives what a body defines names that nothing else has. */
function separate(body: GraphProto, rename: (name: string) => string): void {
  const names = new Map<string, string>();
  for (const name of definedIn(body)) if (name !== '' && !names.has(name)) names.set(name, rename(name));
  const renamed = (name: string) => names.get(name) ?? name;
  renameGraph(body, renamed);
}

function renameGraph(graph: GraphProto, rename: (name: string) => string): void {
  for (const values of [graph.input, graph.output, graph.valueInfo, graph.initializer])
    for (const value of values) value.name = rename(value.name);
  for (const { values } of graph.sparseInitializer) if (values) values.name = rename(values.name);
  for (const node of graph.node) renameValues(node, rename);
}

/** The node with its body, where that is understood: graphs over tensors are. */
export function readBody(
  node: Node,
  proto: NodeProto,
  { where, nodeOf }: { where: string; nodeOf: (proto: NodeProto, name: string, where: string) => Node },
): Node {
  const graph = bodyIn(proto);
  if (!graph) return node;
  const [inputs, outputs] = [graph.input, graph.output].map((values) => values.map(readValue));
  if ([...inputs, ...outputs].some((value) => value === undefined)) return node;
  const all = named(graph.node.map((inner) => ({ name: inner.name, op: inner.opType, proto: inner })));
  const nodes = all.map((inner) => nodeOf(inner.proto, inner.name, where));
  const given = inputs.map((value) => value!.name);
  const wanted = outputs.map((value) => value!.name);
  const own = new Set([...given, ...nodes.flatMap((inner) => inner.outputs)]);
  const captures = [...new Set([...nodes.flatMap(usedValues), ...wanted])].filter((name) => !own.has(name));
  const body: Body = {
    name: graph.name,
    inputs: inputs as BodyValue[],
    outputs: outputs as BodyValue[],
    nodes: sorted(nodes, [...given, ...captures], wanted, `${where}: the body of node ${node.name}`),
    captures,
  };
  const before = Math.max(leastInputs(node, body), node.inputs.length);
  const padded = Array.from({ length: before }, (_, i) => node.inputs[i] ?? '');
  return {
    ...node,
    inputs: [...padded, ...captures],
    attributes: { ...node.attributes, body: { type: 'body', value: body } },
  };
}

/** A Loop gives its body the number of the round and the condition, which need not be inputs of the node. */
const leastInputs = ({ op }: Node, { inputs }: Body): number =>
  op === 'Loop' ? Math.max(2, inputs.length) : 0;

/** Undefined for what is not a tensor. */
function readValue(proto: ValueInfoProto): BodyValue | undefined {
  const { name, type } = proto;
  const others = [type?.sequenceType, type?.mapType, type?.sparseTensorType, type?.optionalType];
  if (others.some((other) => other !== undefined)) return undefined;
  return type?.tensorType?.elemType ? decodeValue(proto) : { name };
}

/** The inputs of a node as a file has them. */
export const inputsInFile = (node: Node): string[] => {
  if (!bodyOf(node)) return node.inputs;
  const inputs = node.inputs.slice(0, ownInputs(node));
  const least = node.op === 'Loop' ? 2 : 0;
  while (inputs.length > least && inputs.at(-1) === '') inputs.pop();
  return inputs;
};

/** The body of a node as a graph that uses the values around it by their names. */
export function bodyProto(node: Node, nodeProto: (node: Node) => NodeProto): GraphProto {
  const { name, inputs, outputs, nodes, captures } = bodyOf(node)!;
  const graph = create(GraphProtoSchema, {
    name,
    node: nodes.map((inner) => nodeProto(inner)),
    input: inputs.map(writeValue),
    output: outputs.map(writeValue),
  });
  const outside = node.inputs.slice(ownInputs(node));
  const names = new Map(captures.map((capture, i) => [capture, outside[i]]));
  const own = new Set(definedIn(graph));
  const fresh = freshNames([...own, ...outside]);
  for (const taken of outside) if (own.has(taken)) names.set(taken, fresh(taken));
  renameGraph(graph, (value) => names.get(value) ?? value);
  return graph;
}

const writeValue = (value: BodyValue): ValueInfoProto =>
  value.dtype ? encodeValue(value as Value, undefined) : create(ValueInfoProtoSchema, { name: value.name });
