/**
 * All gates, in the order in which they run. Each has a `name`, says `what` holds behind it, and `needs` gives the reason why it
 * cannot run here, or undefined. `run({ log, deadline })` returns how many tests passed, failed and were skipped. Gates with `oneCore`
 * run beside one another, and none of them may build what the others run. What is unlike all else comes first, what repeats tests elsewhere comes last, for time may run out.
 */
import { existsSync } from 'node:fs';
import { loadAddon } from '../../dist/engine/native/addon.js';
import { hasRelaxedSimd } from '../../dist/engine/wasm/module.js';
import { cephIsMissing } from '../ceph-server.mjs';
import { hasPackage } from '../check-tracking.mjs';
import { missing } from '../queue-servers.mjs';
import { slurmIsMissing } from '../slurm-studies.mjs';
import { testFiles } from '../tests.mjs';
import { emulatedNode, has, major, nodeOf } from './nodes.mjs';
import { innermostTests, kernelTests, processorHas, runKernels } from './processors.mjs';
import { openBench } from './run.mjs';
import { runOnSoftware, softwareIsMissing } from './webgpu.mjs';

const compiler = process.env.CC || 'cc';
const withoutCompiler = () => (has(compiler) ? undefined : `there is no C compiler named ${compiler}`);
const withoutCommand = (command) => () => (has(command) ? undefined : `there is no ${command}`);

/** What is said of a gate whose tests npm test has run already. */
const inNpmTest = 'npm test runs on it';

/** The instruction set of the addon that npm test runs on; none where that has to be WebAssembly. */
function vectorHere() {
  try {
    return loadAddon().vector;
  } catch {
    return undefined;
  }
}

/** Kernels built for a kind of x86-64. */
const x86 = ({ name, cpu, vector, feature }) => ({
  name,
  what: `tests of kernels and a training run, compiled for ${vector}`,
  needs() {
    if (process.arch !== 'x64') return `this is no x86-64 but ${process.arch}`;
    if (feature && !processorHas(feature)) return `this processor has no ${vector}`;
    return vectorHere() === vector ? inNpmTest : withoutCompiler();
  },
  run: (bench) => runKernels({ name, cpu, vector, files: kernelTests() }, bench),
});

/** Kernels on WebAssembly, in the Node that has what is asked for. */
const wasm = ({ name, node, vector, env = {} }) => ({
  name,
  what: `tests of kernels and a training run on WebAssembly with ${vector}`,
  needs: () => (vector === vectorOfWasmHere() ? inNpmTest : reasonWhy(() => nodeOf(node))),
  run: (bench) =>
    runKernels(
      { name, node: nodeOf(node), vector, env: { ESPALIER_ENGINE: 'wasm', ...env }, files: kernelTests() },
      bench,
    ),
});

const vectorOfWasmHere = () => (hasRelaxedSimd() ? 'relaxed-simd' : 'simd128');

/** The tests of npm test on another Node; without those of `kernels` where other gates run them on it. */
const node = (version, { kernels = true } = {}) => ({
  name: `node${version}`,
  what: `the tests of npm test on Node ${version}${kernels ? '' : ', but for those of kernels, which other gates run'}`,
  needs: () => (version === major ? inNpmTest : reasonWhy(() => nodeOf(version))),
  run(bench) {
    const elsewhere = new Set(kernels ? [] : kernelTests());
    return openBench({ ...bench, node: nodeOf(version) }).tests(
      testFiles().filter((file) => !elsewhere.has(file)),
    );
  },
});

/** The words of the error, if there is one. */
function reasonWhy(work) {
  try {
    work();
    return undefined;
  } catch (error) {
    return error.message;
  }
}

const arm64 = {
  name: 'arm64',
  what: 'tests of kernels and a training run on NEON, emulated',
  needs() {
    if (process.platform !== 'linux') return `this is no Linux but ${process.platform}`;
    for (const command of ['qemu-aarch64', 'aarch64-linux-gnu-gcc'])
      if (!has(command)) return `there is no ${command}`;
    if (!existsSync('/usr/aarch64-linux-gnu/lib/libc.so.6')) return 'there is no libc for Arm';
    return reasonWhy(emulatedNode);
  },
  run: (bench) =>
    runKernels(
      {
        name: 'arm64',
        node: emulatedNode(),
        cpu: 'cortex-a76',
        compiler: 'aarch64-linux-gnu-gcc',
        vector: 'NEON',
        // Emulated threads wait for one another for ages.
        env: { ESPALIER_THREADS: '1' },
        files: innermostTests(),
      },
      bench,
    ),
};

/** How often something is killed, workers and servers: as often as one would like to, where an hour is left at least. */
const kills = ({ deadline }, { few, many }) => {
  const [workers, servers] = deadline - Date.now() > 3600_000 ? many : few;
  return ['--kills', String(workers), '--server-kills', String(servers), '--between', '0.3'];
};

/** Scripts that check something by themselves. */
const script = ({ name, what, path, args = [], needs = () => undefined, ...more }) => ({
  name,
  what,
  ...more,
  needs: () => (existsSync(path) ? needs() : `there is no ${path}`),
  run: (bench) => openBench(bench).script(path, ...(typeof args === 'function' ? args(bench) : args)),
});

export const gates = [
  {
    name: 'test',
    what: 'npm test',
    needs: () => undefined,
    run: (bench) => openBench(bench).summed('scripts/test.mjs'),
  },
  {
    name: 'webgpu',
    what: 'operators beside PyTorch and steps of training on WebGPU, computed by software',
    needs: softwareIsMissing,
    run: runOnSoftware,
  },
  {
    name: 'apart',
    what: 'tests of kernels and of training pass where the memory of the engine is apart from the host',
    needs: () => undefined,
    run: (bench) =>
      openBench({ ...bench, env: { ESPALIER_ENGINE: 'apart' } }).tests(
        kernelTests().filter((file) => /dist.(engine|train)/.test(file)),
      ),
  },
  arm64,
  wasm({ name: 'wasm-relaxed', node: 22, vector: 'relaxed-simd' }),
  script({
    name: 'models',
    oneCore: true,
    what: 'real models go through every step of the command line, or are refused in a sentence',
    path: 'scripts/models-steps.mjs',
  }),
  script({
    name: 'wasm-files',
    oneCore: true,
    what: 'the WebAssembly files are what the sources give',
    path: 'scripts/build-wasm.mjs',
    args: ['--check'],
    needs: withoutCommand('clang-19'),
  }),
  {
    name: 'docs',
    oneCore: true,
    what: 'every command and program of the README and the docs runs, on small data',
    needs: () => undefined,
    run: (bench) => openBench(bench).summed('scripts/doc-blocks.mjs'),
  },
  script({
    name: 'queue',
    oneCore: true,
    what: 'workers and the server of a queue are killed, and every run ends with the same bytes',
    path: 'scripts/queue-kills.mjs',
    args: (bench) => ['--server', 'redis', ...kills(bench, { few: [4, 1], many: [100, 20] })],
    needs: () => missing('redis'),
  }),
  script({
    name: 'storage',
    oneCore: true,
    what: 'the same where machines share no folder, and a store that speaks the protocol of S3 goes away, too',
    path: 'scripts/queue-kills.mjs',
    args: (bench) => [
      ...['--server', 'redis', '--storage', cephIsMissing() ? 'small' : 'ceph'],
      ...kills(bench, { few: [2, 2], many: [20, 10] }),
    ],
    needs: () => missing('redis'),
  }),
  script({
    name: 'slurm',
    oneCore: true,
    what: 'studies on a real Slurm: a task is requeued, a node is killed, and every run ends with the same bytes',
    path: 'scripts/slurm-studies.mjs',
    needs: slurmIsMissing,
  }),
  script({
    name: 'tracking',
    oneCore: true,
    what: 'the real TensorBoard and a real MLflow server read what runs tell them',
    path: 'scripts/check-tracking.mjs',
    needs: () =>
      ['tensorboard', 'mlflow'].some(hasPackage)
        ? undefined
        : 'Python has neither the package tensorboard nor mlflow',
  }),
  script({
    name: 'site',
    what: 'the documentation site builds: no page links to one that does not exist',
    path: 'site/build.mjs',
    args: ['--install'],
    needs: withoutCommand('npm'),
  }),
  {
    name: 'install',
    what: 'the npm packages work in projects of all kinds: npm, pnpm, TypeScript, bundlers, Next, Bun, Deno',
    needs: withoutCommand('npm'),
    run: (bench) => openBench(bench).summed('scripts/test-install.mjs'),
  },
  script({
    name: 'checked',
    what: 'tests of kernels that check themselves, with AddressSanitizer and UBSan',
    path: 'scripts/test-checked.mjs',
    needs: withoutCompiler,
  }),
  script({
    name: 'fuzz',
    what: 'the first 1,500 random models, archives, pictures and recipes, many of them damaged',
    path: 'scripts/fuzz.mjs',
    args: ['--inputs', '1500', '--seconds', '240', '--jobs', '2'],
  }),
  node(24, { kernels: false }),
  x86({ name: 'sse2', cpu: 'x86-64', vector: 'SSE2' }),
  x86({ name: 'avx2', cpu: 'x86-64-v3', vector: 'AVX2', feature: 'avx2' }),
  {
    name: 'long',
    what: 'the tests that take long: kills at every moment, large models',
    needs: () => (testFiles({ long: true }).length > 0 ? undefined : 'there are none'),
    run: (bench) => openBench(bench).tests(testFiles({ long: true })),
  },
  node(22, { kernels: false }),
  node(20),
  x86({ name: 'avx512', cpu: 'x86-64-v4', vector: 'AVX-512', feature: 'avx512f' }),
  wasm({ name: 'wasm-plain', node: 22, vector: 'simd128', env: { ESPALIER_WASM: 'simd128' } }),
];
