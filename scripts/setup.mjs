/**
 * Makes a checkout ready to run: dependencies, dist/, the native addon. Does only what is out of date, so that it can
 * stand before every `npm start` and `npm test`.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { documentSettings } from './document-settings.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

function stop(sentence) {
  process.stderr.write(`espalier: ${sentence}\n`);
  process.exit(1);
}

const filesOf = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));

const packagesOf = (lock) => JSON.parse(readFileSync(lock, 'utf8')).packages;

/** Is what npm wrote down as installed what the lock file asks for? */
function installed() {
  const record = 'node_modules/.package-lock.json';
  if (!existsSync(record)) return false;
  const there = packagesOf(record);
  return Object.entries(packagesOf('package-lock.json')).every(([path, wanted]) => {
    if (path === '') return true;
    return there[path] ? there[path].integrity === wanted.integrity : wanted.optional || wanted.devOptional;
  });
}

function install() {
  process.stderr.write('espalier: installing what it depends on …\n');
  const npm = process.env.npm_execpath?.endsWith('npm-cli.js')
    ? [process.execPath, process.env.npm_execpath]
    : ['npm'];
  const args = [...npm.slice(1), 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = spawnSync(npm[0], args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32' && npm.length === 1,
  });
  if (status !== 0) stop('npm ci failed: see above; it needs a network or a filled npm cache.');
}

/** A fingerprint of all that dist/ is made of, and of when it was made: somebody may have run tsc meanwhile. */
function fingerprint() {
  const hash = createHash('sha256');
  for (const file of [
    'tsconfig.json',
    'package-lock.json',
    'scripts/document-settings.mjs',
    ...filesOf('src').sort(),
  ])
    if (/\.(ts|json|mjs)$/.test(file)) hash.update(file).update(readFileSync(file));
  for (const file of compiled().sort()) hash.update(`${file} ${statSync(file).mtimeMs}`);
  return hash.digest('hex');
}

/** What tsc made; dist/browser is bundled (build-browser.mjs). */
const compiled = () => filesOf('dist').filter((file) => !file.startsWith(join('dist', 'browser')));

/** What tsc made of sources that are gone would be run and shipped still. */
function sweep() {
  for (const file of compiled()) {
    const source = file.replace(/^dist/, 'src');
    const module = source.replace(/\.(js|d\.ts)(\.map)?$/, '');
    if (![source, `${module}.ts`, `${module}.tsx`].some((path) => existsSync(path))) rmSync(file);
  }
}

async function compile() {
  const stamp = 'build/sources';
  mkdirSync('dist', { recursive: true });
  mkdirSync('build', { recursive: true });
  sweep();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint()) return;
  const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc'], { stdio: 'inherit' });
  if (status !== 0) stop('the sources do not compile: see above.');
  await documentSettings('dist');
  writeFileSync(stamp, fingerprint());
}

if (Number.parseInt(process.versions.node, 10) < 20)
  stop(`Node ${process.versions.node} is too old: install Node 20 or later.`);
if (!installed()) install();
await compile();
await import('./build-native.mjs');
