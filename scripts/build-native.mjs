/**
 * Builds the native addon with the C compiler that is here ($CC or cc), for the processor that is here, or for the one that
 * ESPALIER_CPU names as the compiler does (x86-64-v3, cortex-a76); ESPALIER_NATIVE_PATH says where to. ESPALIER_ARCH=arm64 tells
 * that $CC compiles for another architecture than this one.
 *
 *     node scripts/build-native.mjs --checked     builds it to build/checked/espalier.node with AddressSanitizer and UBSan, which
 *                                                 needs gcc or clang with them; test-checked.mjs runs tests on it
 *
 * Does nothing when what is built is what would be built. Never fails: without a compiler, or if it chokes, espalier
 * runs on WebAssembly and one line says so; only a checked build that cannot be made is a failure. Needs dist/ (tsc).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiler = process.env.CC || 'cc';
const source = join(root, 'src/engine/native/addon.c');

const checked = process.argv.includes('--checked');
/** No loop becomes a memset, for those are not looked at. */
const sanitizers = [
  '-DESPALIER_CHECKED',
  '-g',
  '-fno-omit-frame-pointer',
  '-fsanitize=address,undefined,float-cast-overflow',
  '-fno-sanitize-recover=all',
  '-fno-tree-loop-distribute-patterns',
];
const optimized = checked ? ['-O1', ...sanitizers] : ['-O3'];
const common = ['-std=gnu11', ...optimized, '-fno-math-errno', '-fno-trapping-math', '-ffp-contract=fast'];
const shape = [
  '-shared',
  '-fPIC',
  '-pthread',
  '-fvisibility=hidden',
  '-DNAPI_VERSION=8',
  '-Wall',
  '-Wno-psabi',
];
const host = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
const { ESPALIER_CPU: cpu, ESPALIER_ARCH: arch = process.arch } = process.env;
const isArm = arch === 'arm64';
/** The processor's own instructions, as this compiler spells them; the last choice always works. */
const own = isArm ? ['-mcpu=native', '-march=native', ''] : ['-march=native', ''];
const tunings = cpu ? [`${isArm ? '-mcpu' : '-march'}=${cpu}`] : own;

function say(words) {
  if (checked) {
    process.stderr.write(`espalier: the checked build is not made (${words}).\n`);
    process.exitCode = 1;
    return;
  }
  process.stderr.write(`espalier: the native engine is not built (${words}); WebAssembly will be used.\n`);
}

function compile(output) {
  const headers = createRequire(import.meta.url)('node-api-headers').include_dir;
  let complaint = '';
  for (const tuning of tunings) {
    const flags = [...common, ...shape, ...host, ...(tuning ? [tuning] : []), `-I${headers}`];
    const { status, stderr } = spawnSync(compiler, [...flags, source, '-o', output], { encoding: 'utf8' });
    if (status === 0) {
      process.stderr.write(stderr);
      return true;
    }
    complaint = stderr;
  }
  process.stderr.write(complaint);
  say(`${compiler} could not compile it`);
  return false;
}

async function build() {
  const { addonPath, processor, sources } = await import('../dist/engine/native/addon.js');
  const target = checked ? join(root, 'build/checked/espalier.node') : addonPath();
  const wanted = JSON.stringify({ processor: processor(), compiler, cpu, sources: sources() });
  if (existsSync(target) && existsSync(`${target}.json`) && readFileSync(`${target}.json`, 'utf8') === wanted)
    return;
  if (process.platform === 'win32') return say('only Linux and macOS are prepared for');
  try {
    execFileSync(compiler, ['--version'], { stdio: 'ignore' });
  } catch {
    return say(`there is no C compiler named ${compiler}`);
  }
  mkdirSync(dirname(target), { recursive: true });
  const partial = `${target}.${process.pid}`;
  if (compile(partial)) {
    rmSync(`${target}.json`, { force: true });
    renameSync(partial, target);
    writeFileSync(`${target}.json`, wanted);
  }
  rmSync(partial, { force: true });
}

try {
  await build();
} catch (error) {
  say(error.message);
}
