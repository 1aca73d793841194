/** What the library uses of node:timers/promises. */

const { setTimeout: later } = globalThis;

export const setTimeout = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => later(resolve, milliseconds));

export const setImmediate = (): Promise<void> => setTimeout(0);
