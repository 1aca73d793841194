/**
 * Functions of a model: operators that it defines itself, as a body of nodes. Calls are replaced by those bodies, everywhere,
 * so that what is behind them can be followed like the rest.
 */
import { clone, create } from '@bufbuild/protobuf';
import { fail } from '../base/index.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type FunctionProto,
  type ModelProto,
  type NodeProto,
  NodeProtoSchema,
} from './generated/onnx_pb.js';
import { allDefined, everyNode, freshNames, plainDomain, renameValues, subgraphs } from './scope.js';

/** Bodies may call functions that call functions: a file of a few lines could ask for any number of nodes. */
const mostNodes = 500_000;
const deepest = 100;

const keyOf = (domain: string, name: string, overload: string): string =>
  [plainDomain(domain), name, overload].join('\n');
const called = ({ domain, opType, overload }: NodeProto): string => keyOf(domain, opType, overload);

/**
 * Replaces calls in place. Functions written for other operator sets than the model's stay what they are.
 * @throws UserError where functions call themselves, or make more nodes than any network has.
 */
export function inlineFunctions(model: ModelProto, where: string): void {
  const graph = model.graph!;
  const usable = model.functions.filter((body) => sameOpsets(model, body));
  const functions = new Map(usable.map((body) => [keyOf(body.domain, body.name, body.overload), body]));
  if (![...everyNode(graph.node)].some((node) => functions.has(called(node)))) return;
  measure(graph.node, functions, where);
  const fresh = freshNames(allDefined(graph));
  const expand = (node: NodeProto): NodeProto[] => {
    for (const inner of subgraphs(node)) inner.node = inner.node.flatMap(expand);
    const body = functions.get(called(node));
    return body ? bodyOf(node, body, fresh).flatMap(expand) : [node];
  };
  graph.node = graph.node.flatMap(expand);
  importDomains(model, usable);
}

/** @throws UserError where a function calls itself, or calls of calls come to more nodes than any network has. */
function measure(
  nodes: readonly NodeProto[],
  functions: ReadonlyMap<string, FunctionProto>,
  where: string,
): void {
  const sizes = new Map<FunctionProto, number>();
  const open = new Set<FunctionProto>();
  const sizeOf = (list: readonly NodeProto[]): number => {
    let size = 0;
    for (const node of everyNode(list)) {
      const body = functions.get(called(node));
      size += body ? bodySize(body) : 1;
    }
    return size;
  };
  const bodySize = (body: FunctionProto): number => {
    if (open.has(body)) fail(`${where}: function ${body.name} calls itself; the model is not valid ONNX.`);
    if (open.size === deepest)
      fail(`${where}: its functions call each other ${deepest} deep, as no exporter writes them.`);
    open.add(body);
    const size = sizes.get(body) ?? sizeOf(body.node);
    sizes.set(body, size);
    open.delete(body);
    return size;
  };
  const size = sizeOf(nodes);
  if (size > mostNodes)
    fail(`${where}: with its functions in their places it has ${size} nodes, more than any network.`);
}

function sameOpsets({ opsetImport }: ModelProto, body: FunctionProto): boolean {
  const versions = new Map(opsetImport.map(({ domain, version }) => [plainDomain(domain), version]));
  return body.opsetImport.every(({ domain, version }) => {
    const own = versions.get(plainDomain(domain));
    return own === undefined || own === version;
  });
}

/** Once calls are gone, so are the functions, unless some remain; and the domains are those of the nodes that came. */
function importDomains(model: ModelProto, inlined: readonly FunctionProto[]): void {
  if (inlined.length === model.functions.length) model.functions = [];
  const domains = new Set([...everyNode(model.graph!.node)].map(({ domain }) => plainDomain(domain)));
  const own = new Set(inlined.map(({ domain }) => plainDomain(domain)));
  const wanted = inlined.flatMap(({ opsetImport }) => opsetImport);
  const found = new Map([...wanted, ...model.opsetImport].map((entry) => [plainDomain(entry.domain), entry]));
  const left = model.functions.length > 0;
  model.opsetImport = [...found]
    .filter(([domain]) => left || domains.has(domain) || !own.has(domain))
    .map(([, entry]) => entry);
}

/** The nodes that a call stands for, with the values and attributes that it gives. */
function bodyOf(call: NodeProto, body: FunctionProto, fresh: (wanted: string) => string): NodeProto[] {
  const prefix = call.name || call.opType;
  const names = new Map(body.input.map((name, i) => [name, call.input[i] ?? '']));
  const passed: NodeProto[] = [];
  for (const [i, name] of body.output.entries()) {
    const output = call.output[i] ?? '';
    if (output === '') continue;
    if (!names.has(name)) names.set(name, output);
    else
      passed.push(
        create(NodeProtoSchema, { opType: 'Identity', input: [names.get(name)!], output: [output] }),
      );
  }
  const rename = (name: string): string => {
    const known = names.get(name);
    if (known !== undefined) return known;
    const made = fresh(`${prefix}/${name}`);
    names.set(name, made);
    return made;
  };
  const nodes = body.node.map((node) => {
    const copy = clone(NodeProtoSchema, node);
    for (const each of everyNode([copy])) each.attribute = attributesOf(each, call, body);
    renameValues(copy, rename);
    copy.name = `${prefix}/${node.name || node.opType}`;
    return copy;
  });
  return [...nodes, ...passed];
}

/** Attributes that refer to those of the call are what it says, or the function's default, or absent. */
const attributesOf = (node: NodeProto, call: NodeProto, body: FunctionProto): AttributeProto[] =>
  node.attribute.flatMap((attribute) => {
    const { name, refAttrName } = attribute;
    if (refAttrName === '') return [attribute];
    const given = [...call.attribute, ...body.attributeProto].find((each) => each.name === refAttrName);
    if (!given) return [];
    const copy = clone(AttributeProtoSchema, given);
    copy.name = name;
    return [copy];
  });
