/** What the library uses of the global `process`. A page is one process, and nobody sets variables for it. */
export const process = {
  env: {} as Record<string, string | undefined>,
  pid: 1,
  versions: { node: 'page' },
  cwd: () => '/',
  /** Whether there is another process: there is none. */
  kill: (pid: number): boolean => pid === 1,
};
