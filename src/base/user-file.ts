/** Files of users' own, whose default export is a method or an objective: how they are named, loaded and told from others. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { fail } from './errors.js';
import { reason } from './files.js';

/** Whether the value of a setting means a file rather than a name. */
export const isUserFile = (name: string): boolean => /\.[cm]?[jt]s$/i.test(name);

/**
 * The default export of a file; `what` it should be is for sentences.
 * @throws UserError when it cannot be read or loaded.
 */
export async function loadUserFile(path: string, what: string): Promise<unknown> {
  await readFile(path).catch((error) =>
    fail(`Cannot read the ${what} ${path}: ${reason(error)}; check the path.`),
  );
  const module = await import(pathToFileURL(path).href).catch((error: Error) =>
    fail(`The ${what} ${path} cannot be loaded: ${error.message.split('\n')[0]}.`),
  );
  return module.default;
}

/** What tells files from others; undefined where there are none. */
export async function digestOfUserFiles(paths: readonly string[]): Promise<string | undefined> {
  if (paths.length === 0) return undefined;
  const hash = createHash('sha256');
  for (const path of paths) hash.update(await readFile(path));
  return hash.digest('hex');
}
