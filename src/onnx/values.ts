/** Declarations of values (name, element type, shape), to and from protobuf. */
import { dataTypeOf, dtypeOf } from './dtypes.js';
import { type ValueInfoProto, ValueInfoProtoSchema } from './generated/onnx_pb.js';
import { build } from './message.js';
import type { Value } from './model.js';

type Dimension = NonNullable<Value['shape']>[number];

/** undefined for what a `Value` cannot express: sequences, maps, element types that are not read. */
export function decodeValue(proto: ValueInfoProto): Value | undefined {
  const tensor = proto.type?.tensorType;
  const dtype = tensor && dtypeOf(tensor.elemType);
  if (!dtype) return undefined;
  const shape = tensor.shape?.dim.map((dim): Dimension => {
    if (dim.dimParam !== '') return dim.dimParam;
    const size = Number(dim.dimValue);
    return Object.hasOwn(dim, 'dimValue') && size >= 0 && Number.isSafeInteger(size) ? size : undefined;
  });
  return shape ? { name: proto.name, dtype, shape } : { name: proto.name, dtype };
}

/** `notes` is what the source said beside name, type and shape: documentation and denotations. */
export function encodeValue(value: Value, notes: ValueInfoProto | undefined): ValueInfoProto {
  const dims = notes?.type?.tensorType?.shape?.dim;
  const dim = value.shape?.map((size, i) => ({ ...dimension(size), ...denotation(dims?.[i]) }));
  const fields = {
    name: value.name,
    type: {
      ...denotation(notes?.type),
      tensorType: { elemType: dataTypeOf(value.dtype), ...(dim && { shape: { dim } }) },
    },
    docString: notes?.docString || undefined,
    metadataProps: notes?.metadataProps,
  };
  return build(ValueInfoProtoSchema, fields, notes);
}

/** Whether a declaration says more than a `Value` can hold. */
export function hasNotes(proto: ValueInfoProto): boolean {
  const dims = proto.type?.tensorType?.shape?.dim ?? [];
  const denoted = [proto.type, ...dims].some((part) => part?.denotation);
  return denoted || proto.docString !== '' || proto.metadataProps.length > 0 || !decodeValue(proto);
}

const denotation = (part: { denotation: string } | undefined) =>
  part?.denotation ? { denotation: part.denotation } : {};

function dimension(size: Dimension) {
  if (typeof size === 'string') return { dimParam: size };
  return size === undefined ? {} : { dimValue: BigInt(size) };
}
