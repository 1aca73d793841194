/**
 * Compiles the kernels to WebAssembly files, with Debian's clang-19 and lld-19: all of them (espalier), and those for inference, over
 * a shared memory and over a plain one, which is for browsers; each without relaxed-simd and with.
 *
 *     node scripts/build-wasm.mjs             writes src/engine/wasm/{espalier,espalier-plain,inference,inference-plain}{,-relaxed}.wasm
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
const plain = (ir) => ir;
/** clang-19 marks a·b + c as one that may be fused, but does not know how to on relaxed-simd; so it is told. */
const fused = (ir) => ir.replaceAll('@llvm.fmuladd.v4f32', '@llvm.wasm.relaxed.madd.v4f32');
const modules = {
  espalier: { defines: [], shared: true },
  'espalier-plain': { defines: [], shared: false },
  inference: { defines: ['-DESPALIER_INFERENCE', '-Wno-unused-function'], shared: true },
  'inference-plain': { defines: ['-DESPALIER_INFERENCE', '-Wno-unused-function'], shared: false },
};
const variants = Object.entries(modules).flatMap(([name, module]) => [
  { ...module, name, features: ['simd128'], rewrite: plain },
  { ...module, name: `${name}-relaxed`, features: ['simd128', 'relaxed-simd'], rewrite: fused },
]);

const link = [
  '--no-entry',
  '--strip-all',
  '--import-memory',
  '--initial-memory=4194304',
  '--max-memory=4294967296',
  '--export=__stack_pointer',
  '--export=__heap_base',
];
const baseline = ['atomics', 'bulk-memory', 'mutable-globals', 'nontrapping-fptoint', 'sign-ext'];
const language = ['-std=gnu11', '-ffreestanding', '-fno-math-errno', '-ffp-contract=on', '-Wall'];

/** Runs the compiler in the sources' folder, so that its output is the same wherever the checkout lies. */
function compile(args, input) {
  const options = { cwd: folder, input, encoding: 'utf8', maxBuffer: 2 ** 28 };
  const { status, stdout, stderr } = spawnSync(compiler, ['--target=wasm32', '-O3', ...args], options);
  process.stderr.write(stderr);
  if (status !== 0) process.exit(1);
  return stdout;
}

function build(into) {
  for (const { name, defines, shared, features, rewrite } of variants) {
    const target = [...baseline, ...features].map((feature) => `-m${feature}`);
    const ir = compile([...target, ...language, ...defines, '-S', '-emit-llvm', 'module.c', '-o', '-']);
    const output = join(into, `${name}.wasm`);
    const options = shared ? [...link, '--shared-memory'] : link;
    const linker = ['-nostdlib', ...options.map((option) => `-Wl,${option}`), '-o', output];
    compile([...target, '-Xclang', '-disable-llvm-passes', ...linker, '-x', 'ir', '-'], rewrite(ir));
    chmodSync(output, 0o644);
  }
}

function check() {
  const elsewhere = mkdtempSync(join(tmpdir(), 'espalier-wasm-'));
  build(elsewhere);
  const same = variants.every(({ name }) =>
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
