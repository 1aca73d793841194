/** Which test files there are, and how they are run; for test.mjs and test-all.mjs. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

/** Rooms from the top down: the tests of the upper ones take longest, so they start first and none is left running alone. */
const ROOMS = 'cli watch runs report runtime channels sparsity train engine graph onnx nn data base'.split(
  ' ',
);

/** The first folder below dist/; of a test of the whole, its name. */
const roomOf = (file) => file.split(/[\\/]/)[1].replace(/(\.long)?\.test\.js$/, '');
const rank = (file) => (ROOMS.indexOf(roomOf(file)) + ROOMS.length + 1) % (ROOMS.length + 1);

/** Whether a test file is named: `runs` and `runs/slim` name folders, `runs/study` or `rooms` one test. */
const isNamed = (file, name) => {
  const path = file.split(/[\\/]/).slice(1).join('/');
  return path.startsWith(`${name}/`) || path.replace(/(\.long)?\.test\.js$/, '') === name;
};

/** The compiled test files, those of `rooms` only where any is given. Long ones are those that only test-all.mjs runs. */
export function testFiles({ rooms = [], long = false } = {}) {
  return readdirSync('dist', { recursive: true })
    .filter((name) => name.endsWith('.test.js') && name.endsWith('.long.test.js') === long)
    .map((name) => join('dist', name))
    .filter((file) => rooms.length === 0 || rooms.some((room) => isNamed(file, room)))
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** Whether a test, or a fixture that it imports, says something. */
function says(file, pattern) {
  const text = readFileSync(file, 'utf8');
  if (pattern.test(text)) return true;
  const fixtures = [...text.matchAll(/from '(\.[^']*\.test\.fixture\.js)'/g)];
  return fixtures
    .map(([, path]) => join(dirname(file), path))
    .some((path) => existsSync(path) && says(path, pattern));
}

/** Whether a test opens a machine: what it checks comes out of kernels. */
export const usesKernels = (file) => says(file, /\bopenMachine\b/);

/** Whether a test loads onnxruntime's binaries by itself. */
export const usesOnnxruntime = (file) => says(file, /\bfrom 'onnxruntime-node'/);

export const noCounts = () => ({ passed: 0, failed: 0, skipped: 0 });

export function addCounts(sum, counts) {
  for (const key of Object.keys(sum)) sum[key] += counts[key];
}

export const inWords = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;

/** Runs test files, as many at once as there are cores, and returns how many tests passed, failed and were skipped. */
export async function runTests(files, env = {}) {
  const counts = noCounts();
  if (files.length === 0) return counts;
  Object.assign(process.env, env);
  const events = run({ files, concurrency: availableParallelism() });
  events.on('test:diagnostic', ({ message, nesting }) => {
    const [, key, count] = /^(pass|fail|cancelled|skipped) (\d+)$/.exec(message) ?? [];
    if (!key || nesting > 0) return;
    counts[{ pass: 'passed', fail: 'failed', cancelled: 'failed', skipped: 'skipped' }[key]] += Number(count);
  });
  const report = events.compose(new spec());
  for await (const text of report) process.stdout.write(text);
  return counts;
}
