/** Digests (SHA-256) of bytes and texts. */
import { createHash } from 'node:crypto';

export type Bytes = Uint8Array | Float32Array | Int32Array | Uint32Array;

export const asBytes = ({ buffer, byteOffset, byteLength }: Bytes): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Of parts that follow each other. Texts bring their lengths, so that none runs into the next. */
export function digestOfAll(parts: Iterable<string | Bytes>): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(typeof part === 'string' ? `${part.length}:${part}` : asBytes(part));
  return hash.digest('hex');
}
