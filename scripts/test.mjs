/**
 * All that must hold: the style, every test on the best engine there is, and the rooms that run programs once more on
 * WebAssembly. `npm test -- train engine` tests only those rooms.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadAddon } from '../dist/engine/native/addon.js';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const rooms = process.argv.slice(2);
/** The rooms whose results come out of kernels. */
const onEngine = ['engine', 'train', 'sparsity', 'channels', 'runtime'];
/** The browser has an engine of its own, whatever Node's is. */
const inBrowser = join('dist', 'runtime', 'browser.test.js');

const testsIn = (folder) =>
  readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(folder, name))
    .sort();

const foldersOf = (names) => names.map((name) => join('dist', name)).filter((folder) => existsSync(folder));

function passes(what, command, args, env = {}) {
  process.stdout.write(`\n— ${what}\n`);
  const { status } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  return status === 0;
}

function testsPass(what, files, engine) {
  const args = ['--enable-source-maps', '--test', '--test-reporter=spec', ...files];
  return (
    files.length === 0 || passes(`${what}, ${engine}`, process.execPath, args, { ESPALIER_ENGINE: engine })
  );
}

function hasNative() {
  try {
    return !!loadAddon();
  } catch (error) {
    process.stdout.write(`The native engine is not tested: ${error.message}.\n`);
    return false;
  }
}

const native = hasNative();
const everything = rooms.length ? foldersOf(rooms) : ['dist'];
const again = foldersOf(onEngine.filter((room) => !rooms.length || rooms.includes(room)))
  .flatMap(testsIn)
  .filter((file) => file !== inBrowser);
const results = [
  passes('style', process.execPath, ['node_modules/@biomejs/biome/bin/biome', 'check']),
  testsPass('tests', everything.flatMap(testsIn), native ? 'native' : 'wasm'),
  !native || testsPass('tests of what runs programs', again, 'wasm'),
];
process.stdout.write(results.every(Boolean) ? '\nAll is well.\n' : '\nSomething failed: see above.\n');
process.exit(results.every(Boolean) ? 0 : 1);
