/** The page of structured pruning names all methods there are, and its code runs as it stands there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { structuredMethods } from '../../channels/index.js';
import { flagOf, settingsOf } from '../index.js';

const page = readFileSync(new URL('../../../docs/structured.md', import.meta.url), 'utf8');
const library = new URL('../../index.js', import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'espalier-page-'));
after(() => rmSync(folder, { recursive: true }));

test('every method has its row, every flag on the page is there', () => {
  for (const { name } of structuredMethods) {
    assert.match(page, new RegExp(`^\\| \`${name}\` \\|`, 'm'));
    assert.match(page, new RegExp(`\`--method ${name}[ \`]`));
  }
  const flags = new Set(Object.keys(settingsOf.prune).map(flagOf));
  for (const [flag] of page.matchAll(/--[a-z][a-z-]*/g))
    assert.ok(flags.has(flag.replace('--no-', '--')) || ['--out', '--json'].includes(flag), flag);
});

const blocks = [...page.matchAll(/^```js\n([\s\S]*?)^```/gm)].map(([, code]) => code);
const isFile = (code: string) => code.includes('export default');

/** Writes a program where it finds the library, and gives its path. */
function written(name: string, code: string): string {
  const path = join(folder, name);
  writeFileSync(path, code.replaceAll("'espalier'", `'${library.href}'`));
  return path;
}

const node = (...args: string[]) => execFileSync(process.execPath, args, { encoding: 'utf8' });

test('a method in a file of your own works, with its own setting', () => {
  const files = blocks.filter(isFile);
  assert.equal(files.length, 1);
  const method = written('peaks.mjs', files[0]);
  const cli = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
  const out = join(folder, 'peaks');
  const line = `prune resnet8 --width 0.5 --data digits --epochs 1 --power 4 --macs 0.6 --round-to 1 --quiet --json`;
  const { macs, method: name } = JSON.parse(node(cli, ...line.split(' '), '--method', method, '--out', out));
  assert.ok(macs.after <= 0.6 * macs.before && macs.after > 0.55 * macs.before, JSON.stringify(macs));
  assert.match(name, /peaks/);
  assert.equal(JSON.parse(readFileSync(join(out, 'recipe.json'), 'utf8')).power, 4);
});

test('a method of your own takes fewer than 40 lines, and works', () => {
  const programs = blocks.filter((code) => !isFile(code));
  assert.equal(programs.length, 2);
  for (const [i, code] of programs.entries()) {
    assert.ok(code.trim().split('\n').length < 40);
    const said = node(written(`${i}.mjs`, code), join(folder, 'run'));
    const [accuracy, macs] = said.trim().split(' ').map(Number);
    const target = [0.6, 0.5][i];
    assert.ok(macs <= target && macs > target - 0.05, `${macs}`);
    assert.ok(accuracy > 0.3, `${accuracy}`);
  }
});
