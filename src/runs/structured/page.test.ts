/** The page of structured pruning names all methods there are, and its code runs as it stands there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
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

test('a method of your own takes fewer than 40 lines, and works', () => {
  const programs = [...page.matchAll(/^```js\n([\s\S]*?)^```/gm)].map(([, code]) => code);
  assert.equal(programs.length, 2);
  for (const [i, code] of programs.entries()) {
    assert.ok(code.trim().split('\n').length < 40);
    const path = join(folder, `${i}.mjs`);
    writeFileSync(path, code.replaceAll("'espalier'", `'${library.href}'`));
    const said = execFileSync(process.execPath, [path, join(folder, 'run')], { encoding: 'utf8' });
    const [accuracy, macs] = said.trim().split(' ').map(Number);
    const target = [0.6, 0.5][i];
    assert.ok(macs <= target && macs > target - 0.05, `${macs}`);
    assert.ok(accuracy > 0.3, `${accuracy}`);
  }
});
