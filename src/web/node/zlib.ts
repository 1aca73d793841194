/** What the library uses of node:zlib. */
import { gzipSync } from 'fflate';

type Done = (error: Error | null, bytes?: Uint8Array) => void;

export function gzip(bytes: Uint8Array, { level = 6 }: { level?: number }, done: Done): void {
  done(null, gzipSync(bytes, { level: level as 9 }));
}

export function gunzip(bytes: Uint8Array, { maxOutputLength = 2 ** 30 }, done: Done): void {
  unpack(bytes, maxOutputLength).then(
    (unpacked) => done(null, unpacked),
    (error) => done(error),
  );
}

async function unpack(bytes: Uint8Array, most: number): Promise<Uint8Array> {
  const stream = new Blob([new Uint8Array(bytes)]).stream().pipeThrough(new DecompressionStream('gzip'));
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.length;
    if (size > most) throw Object.assign(new Error('too large'), { code: 'ERR_BUFFER_TOO_LARGE' });
    parts.push(part.value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
