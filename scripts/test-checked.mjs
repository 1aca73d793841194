/**
 * Runs tests on a checked build of the kernels: with AddressSanitizer and UBSan, every step held to the contract, and every
 * access to the buffers of its step (kernels/checks.c). Ends with status 0 when they pass, and when there is no compiler with
 * sanitizers here, which one line says.
 *
 *     node scripts/test-checked.mjs [FILE.test.js…]      default: those of the engine and of the runtime
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

/** Tests of other engines, and of how long, how much or by which threads something runs: nothing is learnt from them here. */
const elsewhere = ['browser.test.js', 'machine.test.js', 'choice.test.js', 'load.test.js', '.long.test.js'];
const inRooms = ['engine', 'runtime'].flatMap((room) =>
  readdirSync(join('dist', room), { recursive: true })
    .filter((name) => name.endsWith('.test.js') && !elsewhere.some((other) => name.endsWith(other)))
    .map((name) => join('dist', room, name))
    .sort(),
);
const asked = process.argv.slice(2);

function skip(why) {
  console.log(`checked build: skipped, ${why}`);
  process.exit(0);
}

const compiler = process.env.CC || 'cc';
const library = spawnSync(compiler, ['-print-file-name=libasan.so'], { encoding: 'utf8' }).stdout?.trim();
if (process.platform !== 'linux' || !library || !existsSync(library))
  skip(`${compiler} has no AddressSanitizer here`);
const built = spawnSync(process.execPath, ['scripts/build-native.mjs', '--checked'], { stdio: 'inherit' });
if (built.status !== 0) process.exit(1);

const env = {
  ...process.env,
  LD_PRELOAD: library,
  // Node itself leaks, moves between stacks, and writes into memory that is poisoned but for kernels.
  ASAN_OPTIONS:
    'detect_leaks=0:replace_intrin=0:intercept_memcmp=0:detect_stack_use_after_return=0:detect_odr_violation=0',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  ESPALIER_ENGINE: 'native',
  ESPALIER_NATIVE_PATH: join(process.cwd(), 'build/checked/espalier.node'),
  ESPALIER_THREADS: '1',
};
const args = ['--enable-source-maps', '--test', '--test-reporter=spec', ...(asked.length ? asked : inRooms)];
const { status } = spawnSync(process.execPath, args, { stdio: 'inherit', env });
console.log(status === 0 ? 'checked build: all is well' : 'checked build: something failed, see above');
process.exit(status === 0 ? 0 : 1);
