/**
 * Builds the documentation site: README and docs/ as they are, and a reference made from the doc comments of the library.
 *
 *     node site/build.mjs --install      writes site/build/html
 *
 * `--install` first installs what the site is built with, which only this folder needs. Ends with status 1 where a page
 * or a doc comment links to something that does not exist.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pagesOf, writePage } from './pages.mjs';

const site = fileURLToPath(new URL('.', import.meta.url));
const root = join(site, '..');
const source = join(site, 'build/source');

function run(command, ...args) {
  const { status } = spawnSync(command, args, { cwd: site, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) process.exit(1);
}

/** Runs a program that is installed here. */
const runLocal = (name, ...args) => run(join(site, 'node_modules/.bin', name), ...args);

if (process.argv.includes('--install')) run('npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error');
// The reference is made from the declarations in dist/, which hold the help of every setting.
run(process.execPath, join(root, 'scripts/setup.mjs'));
rmSync(join(site, 'build'), { recursive: true, force: true });
mkdirSync(source, { recursive: true });
for (const path of pagesOf(root)) writePage({ root, source, path });
runLocal('typedoc', '--logLevel', 'Warn', '--out', join(source, 'reference'));
runLocal('vitepress', 'build');
