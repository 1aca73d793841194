/** What the library uses of node:os, as a page can tell it. */

/** Bytes; browsers tell up to 8 GB, and some nothing. */
export const totalmem = (): number => 2 ** 30 * ((navigator as { deviceMemory?: number }).deviceMemory ?? 4);

export const availableParallelism = (): number => navigator.hardwareConcurrency || 1;
export const homedir = (): string => '/home';
export const tmpdir = (): string => '/tmp';
export const hostname = (): string => 'page';
