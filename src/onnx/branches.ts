/** An If whose condition is written in the file has one branch only: its nodes take the place of the If. */
import { create } from '@bufbuild/protobuf';
import { type GraphProto, type NodeProto, NodeProtoSchema, type TensorProto } from './generated/onnx_pb.js';
import { allDefined, definedIn, freshNames, plainDomain, renameValues, usedBy } from './scope.js';
import { decodeTensor } from './storage.js';

/** Decides in place what can be; then what only the other branches used is gone. */
export function decideBranches(graph: GraphProto, where: string): void {
  if (!graph.node.some(isIf)) return;
  const counts = new Map<string, number>();
  for (const name of allDefined(graph)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const fresh = freshNames(counts.keys());
  const rename = (name: string) => (counts.get(name) === 1 ? name : fresh(name));
  const truths = new Map<string, boolean>();
  const learn = ({ initializer, node }: GraphProto) => {
    const tell = (name: string, tensor: TensorProto | undefined) => {
      if (tensor?.dataType !== BOOL) return;
      truths.set(name, Boolean(decodeTensor(tensor, `${where}: tensor ${name}`).data[0]));
    };
    for (const tensor of initializer) tell(tensor.name, tensor);
    for (const { opType, output, attribute } of node)
      if (opType === 'Constant') tell(output[0], attribute.find(({ name }) => name === 'value')?.t);
  };
  learn(graph);
  let decided = false;
  const visit = (node: NodeProto): NodeProto[] => {
    const truth = isIf(node) ? truths.get(node.input[0]) : undefined;
    const branch = node.attribute.find(({ name }) => name === (truth ? 'then_branch' : 'else_branch'))?.g;
    if (truth === undefined || !branch) return [node];
    decided = true;
    const nodes = inlined(node, branch, { graph, rename });
    learn(branch);
    return nodes.flatMap(visit);
  };
  graph.node = graph.node.flatMap(visit);
  if (decided) sweep(graph);
}

const BOOL = 9;

const isIf = ({ opType, domain }: NodeProto): boolean => opType === 'If' && plainDomain(domain) === '';

/** The nodes of a branch as nodes of the graph around it, which takes over its weights. */
function inlined(
  node: NodeProto,
  branch: GraphProto,
  around: { graph: GraphProto; rename: (name: string) => string },
): NodeProto[] {
  const { graph } = around;
  const made = new Set(branch.node.flatMap(({ output }) => output));
  const names = new Map<string, string>();
  const passed: [from: string, to: string][] = [];
  for (const [i, { name }] of branch.output.entries()) {
    const output = node.output[i] ?? '';
    if (output === '') continue;
    if (made.has(name) && !names.has(name)) names.set(name, output);
    else passed.push([name, output]);
  }
  for (const name of definedIn(branch))
    if (name !== '' && !names.has(name)) names.set(name, around.rename(name));
  const rename = (name: string) => names.get(name) ?? name;
  for (const each of branch.node) renameValues(each, rename);
  for (const values of [branch.initializer, branch.valueInfo])
    for (const value of values) value.name = rename(value.name);
  for (const { values } of branch.sparseInitializer) if (values) values.name = rename(values.name);
  graph.initializer.push(...branch.initializer);
  graph.sparseInitializer.push(...branch.sparseInitializer);
  graph.valueInfo.push(...branch.valueInfo);
  const identities = passed.map(([from, to]) =>
    create(NodeProtoSchema, { opType: 'Identity', input: [rename(from)], output: [to] }),
  );
  return [...branch.node, ...identities];
}

/** Takes out what no output needs. */
function sweep(graph: GraphProto): void {
  const used = new Set(graph.output.map(({ name }) => name));
  const makers = new Map(graph.node.flatMap((node) => node.output.map((name) => [name, node] as const)));
  const needed = new Set<NodeProto>();
  for (const name of used) {
    const maker = makers.get(name);
    if (!maker || needed.has(maker)) continue;
    needed.add(maker);
    for (const input of usedBy(maker)) used.add(input);
  }
  graph.node = graph.node.filter((node) => needed.has(node));
  const gone = new Set(graph.initializer.map(({ name }) => name).filter((name) => !used.has(name)));
  graph.initializer = graph.initializer.filter(({ name }) => !gone.has(name));
  graph.sparseInitializer = graph.sparseInitializer.filter(({ values }) => used.has(values?.name ?? ''));
  graph.input = graph.input.filter(({ name }) => !gone.has(name));
}
