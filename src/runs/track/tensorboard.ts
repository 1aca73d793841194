/**
 * An event file for TensorBoard in the folder of the run: a record for each line of metrics.jsonl, after one with the version and one
 * with the recipe, and a last one with what the run has reached.
 *
 * A record is its length (uint64, little-endian), the masked CRC-32C of that, the bytes, and the masked CRC-32C of these
 * (tensorflow/core/lib/io/record_writer.h). How many there are says how far the file is; what was torn by a kill is cut off.
 */
import { readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { appendTo } from '../../base/index.js';
import { maskedCrc32c } from './crc32c.js';
import { type Figure, figuresOfLines, finalFigures } from './figures.js';
import { EventSchema } from './generated/event_pb.js';
import type { Tracked, Tracker } from './tracker.js';

const NAME = 'events.out.tfevents.';

export function openTensorBoard({ path, recipe }: Tracked): Tracker {
  let file: { path: string; records: number } | undefined;
  return async ({ lines, summary }) => {
    file ??= await openFile(path);
    const events: (() => Uint8Array)[] = [
      versionEvent,
      () => textEvent('recipe', recipe),
      ...figuresOfLines(lines).map((figures) => () => scalarsEvent(figures)),
      ...(summary ? [() => scalarsEvent(finalFigures(summary, lines))] : []),
    ];
    if (events.length <= file.records) return;
    await appendTo(file.path, Buffer.concat(events.slice(file.records).map((make) => record(make()))));
    file.records = events.length;
  };
}

/** The event file of a folder, without what is not whole at its end; a new one where there is none. */
async function openFile(folder: string): Promise<{ path: string; records: number }> {
  const name = (await readdir(folder)).filter((one) => one.startsWith(NAME)).sort()[0];
  if (!name) {
    const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, '0');
    return { path: join(folder, `${NAME}${seconds}.espalier`), records: 0 };
  }
  const path = join(folder, name);
  const { records, length } = wholeRecords(await readFile(path));
  await truncate(path, length);
  return { path, records };
}

/** How many whole records there are, and where they end. */
function wholeRecords(bytes: Buffer): { records: number; length: number } {
  let [at, records] = [0, 0];
  while (at + 12 <= bytes.length) {
    const size = Number(bytes.readBigUInt64LE(at));
    const end = at + 12 + size + 4;
    if (bytes.readUInt32LE(at + 8) !== maskedCrc32c(bytes.subarray(at, at + 8)) || end > bytes.length) break;
    if (bytes.readUInt32LE(end - 4) !== maskedCrc32c(bytes.subarray(at + 12, end - 4))) break;
    at = end;
    records++;
  }
  return { records, length: at };
}

/** The bytes of an event as a record. */
function record(event: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + event.length + 4);
  bytes.writeBigUInt64LE(BigInt(event.length));
  bytes.writeUInt32LE(maskedCrc32c(bytes.subarray(0, 8)), 8);
  bytes.set(event, 12);
  bytes.writeUInt32LE(maskedCrc32c(event), 12 + event.length);
  return bytes;
}

type What = NonNullable<Parameters<typeof create<typeof EventSchema>>[1]>['what'];

const eventOf = (step: number, what: What): Uint8Array =>
  toBinary(EventSchema, create(EventSchema, { wallTime: Date.now() / 1000, step: BigInt(step), what }));

const versionEvent = () => eventOf(0, { case: 'fileVersion', value: 'brain.Event:2' });

const scalarsEvent = (figures: readonly Figure[]) =>
  eventOf(figures[0]?.step ?? 0, {
    case: 'summary',
    value: {
      value: figures.map(({ name, value }) => ({ tag: name, value: { case: 'simpleValue', value } })),
    },
  });

/** Settings as a table of Markdown, which TensorBoard shows as text. */
function textEvent(tag: string, settings: object): Uint8Array {
  const rows = Object.entries(settings).map(
    ([name, value]) => `| ${name} | ${typeof value === 'string' ? value : JSON.stringify(value)} |`,
  );
  const text = ['| setting | value |', '|---|---|', ...rows].join('\n');
  const tensor = {
    dtype: DT_STRING,
    tensorShape: { dim: [{ size: 1n }] },
    stringVal: [Buffer.from(text)],
  };
  const metadata = { pluginData: { pluginName: 'text' } };
  return eventOf(0, {
    case: 'summary',
    value: { value: [{ tag, metadata, value: { case: 'tensor', value: tensor } }] },
  });
}

const DT_STRING = 7;
