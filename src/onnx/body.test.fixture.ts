/** For tests: what a Loop or Scan repeats, as files have it. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { AttributeProtoSchema, ModelProtoSchema } from './generated/onnx_pb.js';
import { type Attribute, type Graph, serializeModel } from './index.js';
import { outerValues } from './scope.js';

/** A graph as a body that has not been read: it holds its weights, and uses values that it does not define. */
export function unreadBody(graph: Graph): Attribute {
  const g = fromBinary(ModelProtoSchema, serializeModel(graph)).graph!;
  const attribute = create(AttributeProtoSchema, { name: 'body', type: 5, g });
  return {
    type: 'opaque',
    value: { bytes: toBinary(AttributeProtoSchema, attribute), uses: outerValues(g) },
  };
}
