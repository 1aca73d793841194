/** What the library uses of node:crypto: digests at once, which the browser's own come only later. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

type Data = string | ArrayBufferView;

export interface Hash {
  update(data: Data): Hash;
  digest(): Uint8Array;
  digest(encoding: 'hex'): string;
}

const bytesOf = (data: Data): Uint8Array =>
  typeof data === 'string'
    ? new TextEncoder().encode(data)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

export function createHash(name: string): Hash {
  if (name !== 'sha256') throw new Error(`There is no digest ${name} here`);
  const state = sha256.create();
  const hash = {
    update(data: Data) {
      state.update(bytesOf(data));
      return hash;
    },
    digest(encoding?: 'hex') {
      const bytes = state.digest();
      return encoding ? bytesToHex(bytes) : bytes;
    },
  };
  return hash as Hash;
}

/** 128 random bits. `crypto.randomUUID` is only for pages that are encrypted. */
export const randomUUID = (): string => bytesToHex(crypto.getRandomValues(new Uint8Array(16)));
