/** The scripts are not compiled: what they import from the code must be there under that name. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const folders = ['scripts', 'bench'];

/** What a script imports from dist/, as [file, name] pairs; dynamic imports by their file alone. */
function importsOf(script: string, text: string): { file: string; name?: string }[] {
  const fileAt = (path: string) => fileURLToPath(new URL(path, pathToFileURL(join(root, script))));
  const named = [...text.matchAll(/import\s*\{([^}]*)\}\s*from\s*'(\.\.[^']*\/dist\/[^']*)'/g)].flatMap(
    ([, names, path]) =>
      names
        .split(',')
        .map((one) => one.trim().split(/\s+as\s+/)[0])
        .filter((name) => name !== '')
        .map((name) => ({ file: fileAt(path), name })),
  );
  const whole = [...text.matchAll(/(?:import\(|\*\s+as\s+\w+\s+from\s+)'(\.\.[^']*\/dist\/[^']*\.js)'/g)];
  return [...named, ...whole.map(([, path]) => ({ file: fileAt(path) }))];
}

/** Command lines and workers do their work when they are imported. */
const importable = (file: string) => !/\/(cli|browser)\//.test(file);

test('scripts import names that exist', async () => {
  const missing: string[] = [];
  let checked = 0;
  for (const folder of folders)
    for (const entry of await readdir(join(root, folder), { recursive: true })) {
      if (!entry.endsWith('.mjs')) continue;
      const script = join(folder, entry);
      for (const { file, name } of importsOf(script, await readFile(join(root, script), 'utf8'))) {
        checked++;
        if (!existsSync(file)) missing.push(`${script}: ${file} is not there`);
        else if (name && importable(file) && !(name in (await import(pathToFileURL(file).href))))
          missing.push(`${script}: ${name}`);
      }
    }
  assert.deepEqual(missing, []);
  assert.ok(checked > 50);
});
