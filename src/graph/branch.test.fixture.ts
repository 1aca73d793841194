/** For tests: branches of an If, each a single node on a value from around it. */
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
