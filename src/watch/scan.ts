/** Which runs there are under a folder: every folder with a recipe. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Below this depth nobody keeps runs; a folder may contain a link to itself. */
const DEEPEST = 8;

/** Folders of runs under `root`, relative to it with '/' between names; '.' is `root` itself. */
export async function findRuns(root: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (path: string, depth: number): Promise<void> => {
    const entries = await readdir(join(root, path), { withFileTypes: true }).catch(() => []);
    if (entries.some(({ name }) => name === 'recipe.json')) {
      found.push(path || '.');
      return;
    }
    if (depth === DEEPEST) return;
    const folders = entries.filter((entry) => entry.isDirectory() && !/^(\.|node_modules$)/.test(entry.name));
    await Promise.all(folders.map(({ name }) => visit(path ? `${path}/${name}` : name, depth + 1)));
  };
  await visit('', 0);
  return found.sort();
}
