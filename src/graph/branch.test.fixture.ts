/** For tests: branches of an If, each a single node on a value from around it, and bodies of loops. */
import { create, toBinary } from '@bufbuild/protobuf';
import { AttributeProtoSchema, type GraphProtoSchema } from '../onnx/generated/onnx_pb.js';
import { type Attribute, type Graph, parseModel, serializeModel } from '../onnx/index.js';

function branch(name: string, opType: string, inputs: string[]): Attribute {
  const g: Parameters<typeof create<typeof GraphProtoSchema>>[1] = {
    name,
    node: [{ opType, input: inputs, output: [name] }],
    output: [{ name, type: { tensorType: { elemType: 1 } } }],
  };
  const bytes = toBinary(AttributeProtoSchema, create(AttributeProtoSchema, { name, type: 5, g }));
  return { type: 'opaque', value: { bytes, uses: inputs } };
}

type Branch = [op: string, ...inputs: string[]];

/** The graph with branches in its Ifs, by the name of the output, as it is read from a file. */
export function withBranches(
  graph: Graph,
  branches: Record<string, { yes: Branch; no: Branch }>,
): Promise<Graph> {
  const nodes = graph.nodes.map((node) => {
    const both = branches[node.outputs[0]];
    if (!both) return node;
    const [[yes, ...some], [no, ...others]] = [both.yes, both.no];
    const attributes = {
      then_branch: branch('then_branch', yes, some),
      else_branch: branch('else_branch', no, others),
    };
    return { ...node, attributes };
  });
  return parseModel(serializeModel({ ...graph, nodes }));
}

const [FLOAT, INT64, BOOL] = [1, 7, 9];

/** The body of a Loop or Scan whose only state passes one operator in each round; a Loop goes on for as long as it counts. */
export function bodyOf(op: 'Loop' | 'Scan', opType: string, uses: string[] = []): Attribute {
  const value = (name: string, elemType: number, shape?: object) => ({
    name,
    type: { tensorType: { elemType, shape } },
  });
  const [counts, goes] = [value('round', INT64, {}), value('goes', BOOL, {})];
  const state = value('state', FLOAT);
  const [next, given] = [value('next', FLOAT), value('given', FLOAT)];
  const inputs = op === 'Loop' ? [counts, goes, state] : [state, value('item', FLOAT)];
  const last = op === 'Loop' ? [] : ['item'];
  const nodes = [
    { opType, input: ['state', ...last, ...uses], output: ['next'] },
    ...(op === 'Loop' ? [{ opType: 'Identity', input: ['goes'], output: ['on'] }] : []),
    ...(op === 'Scan' ? [{ opType: 'Identity', input: ['next'], output: ['given'] }] : []),
  ];
  const g: Parameters<typeof create<typeof GraphProtoSchema>>[1] = {
    name: 'body',
    node: nodes,
    input: inputs,
    output: op === 'Loop' ? [value('on', BOOL, {}), next] : [next, given],
  };
  const bytes = toBinary(AttributeProtoSchema, create(AttributeProtoSchema, { name: 'body', type: 5, g }));
  return { type: 'opaque', value: { bytes, uses } };
}
