/**
 * Runs programs by the native addon.
 *
 * Address space for all the machine's memory is reserved once, so that nothing ever moves. JavaScript sees it through
 * windows, ArrayBuffers of 4 GiB (all that Node 20 allows) that start every 2 GiB: each block of up to 2 GiB lies wholly
 * in one of them.
 */
import { totalmem } from 'node:os';
import { fail, bytes as inBytes } from '../../base/index.js';
import { type Driver, LINE, Unavailable } from '../driver.js';
import { loadAddon } from './addon.js';

const STRIDE = 2 ** 31;
/** A line's address is an int32. */
const ADDRESSABLE = 2 ** 31 * LINE;

/** Some 3 ms of work for one thread. */
const LITTLE = 6_000_000;

/** A checked build keeps an account of every byte. */
const CHECKED_BYTES = 2 ** 30;

/** Opens a team of `threads`; throws Unavailable where there is no addon, or none that fits. */
export function openNative(threads: number): Driver {
  const addon = loadAddon();
  const physical = Math.min(
    addon.names.includes('CHECKED=1') ? CHECKED_BYTES : totalmem(),
    process.constrainedMemory?.() || Number.POSITIVE_INFINITY,
    ADDRESSABLE,
  );
  const handle = open();
  const size = addon.size(handle);
  const windows: ArrayBuffer[] = [];

  function open(): object {
    try {
      return addon.open(Math.floor(physical / 65536) * 65536, threads);
    } catch (error) {
      throw new Unavailable((error as Error).message);
    }
  }

  function buffer(line: number, bytes: number) {
    const address = line * LINE;
    const which = Math.floor(address / STRIDE);
    const start = which * STRIDE;
    if (bytes > STRIDE)
      fail(
        `One value of the model takes ${inBytes(bytes)}, and no more than 2 GiB of one can be read or written; use a smaller batch or smaller inputs.`,
      );
    windows[which] ??= addon.window(handle, start, Math.min(2 * STRIDE, size - start));
    return { buffer: windows[which], offset: address - start };
  }

  return {
    kind: 'native',
    vector: addon.vector,
    names: addon.names,
    contract: addon.contract,
    threads,
    first: 64,
    limit: Math.floor(size / LINE),
    little: LITTLE,
    reach: () => true,
    buffer,
    zero: (line, lines) => addon.zero(handle, line * LINE, lines * LINE),
    run: (program, profile) => addon.run(handle, program * LINE, profile * LINE),
    runHere: (program) => addon.runHere(handle, program * LINE),
    async close() {
      addon.close(
        handle,
        windows.filter((window) => window),
      );
    },
  };
}
