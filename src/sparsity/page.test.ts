/** The page of methods names all there are, and its code runs as it stands there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { methods } from './index.js';

const page = readFileSync(new URL('../../docs/methods.md', import.meta.url), 'utf8');
const library = new URL('../index.js', import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'espalier-page-'));
after(() => rmSync(folder, { recursive: true }));

const [first, second] = [...page.matchAll(/^```js\n([\s\S]*?)^```/gm)].map(([, code]) => code);

/** What a program prints. */
function run(name: string, code: string): string {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, code.replaceAll("'espalier'", `'${library.href}'`));
  return execFileSync(process.execPath, [path], { encoding: 'utf8' }).trim();
}

test('every method has its row', () => {
  for (const { name } of methods) assert.match(page, new RegExp(`^\\| \`${name}\` \\|`, 'm'));
});

test('a method of your own takes fewer than 40 lines, and works', () => {
  for (const code of [first, second]) assert.ok(code.trim().split('\n').length < 40);
  const [accuracy, sparsity] = run('first', first).split(' ').map(Number);
  assert.ok(accuracy > 0.3, `${accuracy}`);
  assert.ok(Math.abs(sparsity - 0.8) < 1e-4, `${sparsity}`);

  const trained = first.replace('pruningHook(wanderer', 'pruningHook(relative');
  const [, own] = run('second', `${second}\n${trained}`).split(' ').map(Number);
  assert.ok(Math.abs(own - 0.8) < 1e-2, `${own}`);
});
