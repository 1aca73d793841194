/** What the library uses of node:util. */

type Callback = (error: Error | null, value?: unknown) => void;

export const promisify =
  (f: (...given: unknown[]) => void) =>
  (...given: unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const done: Callback = (error, value) => (error ? reject(error) : resolve(value));
      f(...given, done);
    });
