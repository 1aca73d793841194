/** Making protobuf messages that keep what the schema does not know. */
import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';

/** A message of the given fields, with the unknown fields of another one. */
export function build<Schema extends DescMessage>(
  schema: Schema,
  fields: MessageInitShape<Schema>,
  like: MessageShape<Schema> | undefined,
): MessageShape<Schema> {
  const message = create(schema, fields);
  if (like?.$unknown) message.$unknown = like.$unknown;
  return message;
}
