/**
 * For tests: a reader of TensorBoard's event files that shares no code with the writer. It works from the description of the format:
 * records with masked CRC-32C, protobuf by its wire types, Event{1: wall_time, 2: step, 3: file_version, 5: Summary{1: Value}}.
 */

export interface ReadEvent {
  wallTime: number;
  step: number;
  fileVersion?: string;
  scalars: Record<string, number>;
  texts: Record<string, string>;
}

/** CRC-32C bit by bit. */
function crcOf(bytes: Uint8Array): number {
  let crc = 0xffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  return Number(crc ^ 0xffffffffn);
}

function masked(bytes: Uint8Array): number {
  const crc = BigInt(crcOf(bytes));
  const turned = ((crc >> 15n) | (crc << 17n)) & 0xffffffffn;
  return Number((turned + 0xa282ead8n) & 0xffffffffn);
}

/** Fields by number, in order; a number for the wire types 0, 1 and 5, bytes for 2. */
function fieldsOf(bytes: Buffer): [field: number, value: number | Buffer][] {
  const fields: [number, number | Buffer][] = [];
  let at = 0;
  const varint = () => {
    let [value, shift] = [0n, 0n];
    for (;;) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(value);
      shift += 7n;
    }
  };
  const taken = (length: number) => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const key = varint();
    const wire = key & 7;
    if (wire === 0) fields.push([key >> 3, varint()]);
    else if (wire === 1) fields.push([key >> 3, taken(8).readDoubleLE()]);
    else if (wire === 2) fields.push([key >> 3, taken(varint())]);
    else if (wire === 5) fields.push([key >> 3, taken(4).readFloatLE()]);
    else throw new Error(`wire type ${wire}`);
  }
  return fields;
}

/** @throws Error where a checksum is wrong, or a record is not whole. */
export function readEvents(bytes: Buffer): ReadEvent[] {
  const events: ReadEvent[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    if (bytes.readUInt32LE(at + 8) !== masked(bytes.subarray(at, at + 8))) throw new Error('length damaged');
    const body = bytes.subarray(at + 12, at + 12 + length);
    if (bytes.readUInt32LE(at + 12 + length) !== masked(body)) throw new Error('record damaged');
    events.push(eventIn(body));
    at += 16 + length;
  }
  return events;
}

function eventIn(bytes: Buffer): ReadEvent {
  const event: ReadEvent = { wallTime: 0, step: 0, scalars: {}, texts: {} };
  for (const [field, value] of fieldsOf(bytes)) {
    if (field === 1) event.wallTime = value as number;
    else if (field === 2) event.step = value as number;
    else if (field === 3) event.fileVersion = String(value);
    else if (field === 5) for (const [, item] of fieldsOf(value as Buffer)) takeValue(event, item as Buffer);
  }
  return event;
}

/** Value{1: tag, 2: simple_value, 8: tensor{8: string_val}}. */
function takeValue(event: ReadEvent, bytes: Buffer): void {
  const fields = new Map(fieldsOf(bytes));
  const tag = String(fields.get(1));
  const tensor = fields.get(8) as Buffer | undefined;
  if (tensor) event.texts[tag] = String(new Map(fieldsOf(tensor)).get(8));
  else event.scalars[tag] = fields.get(2) as number;
}
