/**
 * Checks what must hold after every change: the style, every test on the best engine that is here, and once more on WebAssembly
 * those whose results come out of kernels. `npm test -- train engine` tests only those rooms. What takes long is left to
 * test-all.mjs.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadAddon } from '../dist/engine/native/addon.js';
import { checkStyle } from './style.mjs';
import { addCounts, inWords, noCounts, runTests, testFiles, usesKernels } from './tests.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const rooms = process.argv.slice(2);
/** The rooms whose tests are about kernels; those of channels run on WebAssembly too, but in test-all.mjs. */
const onEngine = ['engine', 'train', 'calibration', 'sparsity', 'runtime'];
/** The browser has an engine of its own, whatever Node's is. */
const inBrowser = join('dist', 'runtime', 'browser.test.js');

function hasNative() {
  try {
    return !!loadAddon();
  } catch (error) {
    process.stdout.write(`The native engine is not tested: ${error.message}.\n`);
    return false;
  }
}

const total = noCounts();

async function test(what, files, engine) {
  process.stdout.write(`\n— ${what}, ${engine}\n`);
  addCounts(total, await runTests(files, { ESPALIER_ENGINE: engine }));
}

const native = hasNative();
const start = performance.now();
const unknown = rooms.find((room) => testFiles({ rooms: [room] }).length === 0);
if (unknown) {
  process.stderr.write(
    `espalier: There are no tests of "${unknown}": name folders of src, or tests in it.\n`,
  );
  process.exit(1);
}
const every = testFiles({ rooms });
process.stdout.write('\n— style\n');
const inStyle = checkStyle();
addCounts(total, { passed: Number(inStyle), failed: Number(!inStyle), skipped: 0 });
await test('tests', every, native ? 'native' : 'wasm');
if (native) {
  const again = every.filter(
    (file) =>
      file !== inBrowser && onEngine.some((room) => file.startsWith(join('dist', room))) && usesKernels(file),
  );
  await test('tests of kernels', again, 'wasm');
}
const long = testFiles({ rooms, long: true });
if (long.length > 0) process.stdout.write(`\nNot run here, but by npm run test:all: ${long.join(', ')}.\n`);
const seconds = Math.round((performance.now() - start) / 1000);
process.stdout.write(`\n${seconds} s on ${native ? 'both engines' : 'WebAssembly'}.\n${inWords(total)}\n`);
process.exit(total.failed === 0 ? 0 : 1);
