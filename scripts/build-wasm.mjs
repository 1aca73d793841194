/**
 * Compiles the kernels to the two WebAssembly files, with Debian's clang-19 and lld-19.
 *
 *     node scripts/build-wasm.mjs             writes src/engine/wasm/espalier.wasm and espalier-relaxed.wasm
 *     node scripts/build-wasm.mjs --check     builds elsewhere and compares; fails when the files are not what the
 *                                             sources give, says that it skips where there is no clang-19
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const compiler = 'clang-19';
const folder = fileURLToPath(new URL('../src/engine/wasm/', import.meta.url));
const variants = { espalier: [], 'espalier-relaxed': ['-mrelaxed-simd'] };

const link = [
  '--no-entry',
  '--strip-all',
  '--import-memory',
  '--shared-memory',
  '--initial-memory=4194304',
  '--max-memory=4294967296',
  '--export=__stack_pointer',
  '--export=__heap_base',
];
const features = ['simd128', 'atomics', 'bulk-memory', 'mutable-globals', 'nontrapping-fptoint', 'sign-ext'];
const flags = [
  '--target=wasm32',
  ...['-std=gnu11', '-O3', '-ffreestanding', '-nostdlib', '-fno-math-errno', '-ffp-contract=fast', '-Wall'],
  ...features.map((name) => `-m${name}`),
  ...link.map((option) => `-Wl,${option}`),
];

function build(into) {
  for (const [name, more] of Object.entries(variants)) {
    // Relative paths and the sources' own folder keep the bytes the same wherever the checkout lies.
    const output = join(into, `${name}.wasm`);
    const args = [...flags, ...more, 'module.c', '-o', output];
    const { status } = spawnSync(compiler, args, { cwd: folder, stdio: 'inherit' });
    if (status !== 0) process.exit(1);
    chmodSync(output, 0o644);
  }
}

function check() {
  const elsewhere = mkdtempSync(join(tmpdir(), 'espalier-wasm-'));
  build(elsewhere);
  const same = Object.keys(variants).every((name) =>
    readFileSync(join(elsewhere, `${name}.wasm`)).equals(readFileSync(join(folder, `${name}.wasm`))),
  );
  rmSync(elsewhere, { recursive: true });
  console.log(
    same ? 'wasm: the files are what the sources give' : 'wasm: stale; npm run build:wasm, and commit',
  );
  if (!same) process.exit(1);
}

const checking = process.argv.includes('--check');
const there = spawnSync(compiler, ['--version']).status === 0;
if (there) checking ? check() : build(folder);
else {
  console.log(
    `wasm: ${compiler} is not here (apt-get install clang-19 lld-19)${checking ? '; skipped' : ''}`,
  );
  if (!checking) process.exit(1);
}
