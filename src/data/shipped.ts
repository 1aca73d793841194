/** Files that ship with the package. */
import { fileURLToPath } from 'node:url';
import { readBytes } from './source.js';

/** The bytes of a file in assets/. @throws UserError when it is not there. */
export const readShipped = (name: string): Promise<Uint8Array> =>
  readBytes(fileURLToPath(new URL(`../../assets/${name}`, import.meta.url)));
