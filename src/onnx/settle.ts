/** Makes a freshly decoded model self-contained, everywhere in it (subgraphs and functions too): external data is fetched into raw_data. */
import { fail } from '../base/index.js';
import { dtypeOf } from './dtypes.js';
import type { ModelProto, TensorProto } from './generated/onnx_pb.js';
import { typedParts } from './parts.js';
import { claimed } from './storage.js';
import { bytesOf } from './tensor.js';

/** Fetches `length` bytes at `offset` of the file `location`, or all from there; fails with a sentence. */
export type FetchExternal = (
  location: string,
  offset: number,
  length: number | undefined,
) => Promise<Uint8Array>;

/** Changes `model` in place. `name` is what sentences call it. */
export async function settle(
  model: ModelProto,
  name: string,
  fetch: FetchExternal | undefined,
): Promise<void> {
  for (const tensor of typedParts(model).tensors)
    if (tensor.dataLocation === 1) await inline(tensor, `${name}: tensor ${tensor.name}`, fetch);
}

async function inline(tensor: TensorProto, where: string, fetch: FetchExternal | undefined): Promise<void> {
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
  const location =
    entries.get('location') ||
    fail(`${where} is stored outside the file but does not say where; the file is damaged.`);
  if (!fetch)
    fail(
      `${where} is stored in ${location}, which is out of reach here; save the model with its weights inside.`,
    );
  const offset = count(entries.get('offset') ?? '0', where);
  const stated = entries.has('length') ? count(entries.get('length')!, where) : undefined;
  const dtype = dtypeOf(tensor.dataType);
  const width = dtype && bytesOf[dtype];
  const needed = width ? Math.ceil(claimed(tensor, where).size * width) : stated;
  if (needed === undefined || (stated !== undefined && stated !== needed)) {
    fail(
      `${where} needs ${needed ?? 'some'} bytes by its shape but ${stated ?? 'none'} are stated in its external data; the file is damaged.`,
    );
  }
  const bytes = needed === 0 ? new Uint8Array() : await fetch(location, offset, needed);
  if (bytes.length !== needed)
    fail(`${where} needs ${needed} bytes of ${location} but ${bytes.length} are there; the file is damaged.`);
  tensor.rawData = bytes;
  tensor.externalData = [];
  tensor.dataLocation = 0;
}

function count(text: string, where: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    fail(
      `${where} has the external offset or length "${text}", which is not a number of bytes; the file is damaged.`,
    );
  return value;
}
