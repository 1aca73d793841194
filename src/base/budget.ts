/** What files may unpack to: a few kilobytes can promise gigabytes, and whoever made them need not mean well. */
import { fail } from './errors.js';

/** The most bytes that an archive or a packed file may unpack to; no data set or model read here comes near. */
export const MOST_UNPACKED = 2 ** 30;

/** No byte of a deflate stream unpacks to more: what promises to is not what it says. */
export const MOST_PER_BYTE = 1032;

/** 1073741824 → '1.1 GB' */
export const inGigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

/**
 * To be asked before anything is unpacked.
 * @param advice what to do: 'save fewer samples'.
 * @throws UserError when the bytes that are promised are more than a file may unpack to.
 */
export function refuseBomb(where: string, promised: number, advice: string): void {
  if (promised <= MOST_UNPACKED) return;
  fail(
    `${where} would unpack to ${inGigabytes(promised)}, but at most ${inGigabytes(MOST_UNPACKED)} are read; ${advice}.`,
  );
}
