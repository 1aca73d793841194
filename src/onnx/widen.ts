/** Models of 16-bit floats as models of float32, for runtimes that have no kernels for less. */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { dataTypeOf, dtypeOf } from './dtypes.js';
import { ModelProtoSchema, type TensorProto, type TypeProto } from './generated/onnx_pb.js';
import { typedParts } from './parts.js';
import { decodeTensor, encodeTensor } from './storage.js';
import { isNarrow } from './tensor.js';

const FLOAT = dataTypeOf('float32');

const isHalf = (dataType: number | bigint): boolean => isNarrow(dtypeOf(Number(dataType)) ?? 'string');

/** The file of a model, with its weights inside, in which everything of 16-bit floats is float32. */
export function widenedFile(bytes: Uint8Array): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  const { tensors, types, settings } = typedParts(model);
  for (const tensor of tensors) if (isHalf(tensor.dataType)) widen(tensor);
  for (const type of types) widenType(type);
  for (const setting of settings) if (isHalf(setting.i)) setting.i = BigInt(FLOAT);
  return toBinary(ModelProtoSchema, model);
}

function widen(proto: TensorProto): void {
  const { raw } = encodeTensor({ ...decodeTensor(proto, `tensor ${proto.name}`), dtype: 'float32' });
  proto.rawData = raw!;
  proto.int32Data = [];
  proto.dataType = FLOAT;
}

function widenType(type: TypeProto): void {
  for (const tensor of [type.tensorType, type.sparseTensorType]) {
    if (tensor && isHalf(tensor.elemType)) tensor.elemType = FLOAT;
  }
  for (const inner of [type.sequenceType?.elemType, type.optionalType?.elemType, type.mapType?.valueType]) {
    if (inner) widenType(inner);
  }
}
