/** Models of 16-bit floats, or of doubles, as models of float32, for runtimes that have no kernels for those. */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { dataTypeOf, dtypeOf } from './dtypes.js';
import { ModelProtoSchema, type TensorProto, type TypeProto } from './generated/onnx_pb.js';
import { typedParts } from './parts.js';
import { decodeTensor, encodeTensor } from './storage.js';
import { floats, isNarrow } from './tensor.js';

const FLOAT = dataTypeOf('float32');

type Which = (dataType: number | bigint) => boolean;

/** The file of a model, with its weights inside, in which everything of 16-bit floats is float32; with `doubles` everything of float64, too. */
export function widenedFile(bytes: Uint8Array, { doubles = false } = {}): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  const { tensors, types, settings } = typedParts(model);
  const which: Which = (dataType) => {
    const dtype = dtypeOf(Number(dataType)) ?? 'string';
    return isNarrow(dtype) || (doubles && dtype === 'float64');
  };
  for (const tensor of tensors) if (which(tensor.dataType)) widen(tensor);
  for (const type of types) widenType(type, which);
  for (const setting of settings) if (which(setting.i)) setting.i = BigInt(FLOAT);
  return toBinary(ModelProtoSchema, model);
}

function widen(proto: TensorProto): void {
  const tensor = decodeTensor(proto, `tensor ${proto.name}`);
  const { raw } = encodeTensor({ ...tensor, data: floats(tensor), dtype: 'float32' });
  proto.rawData = raw!;
  proto.int32Data = [];
  proto.doubleData = [];
  proto.dataType = FLOAT;
}

function widenType(type: TypeProto, which: Which): void {
  for (const tensor of [type.tensorType, type.sparseTensorType]) {
    if (tensor && which(tensor.elemType)) tensor.elemType = FLOAT;
  }
  for (const inner of [type.sequenceType?.elemType, type.optionalType?.elemType, type.mapType?.valueType]) {
    if (inner) widenType(inner, which);
  }
}
