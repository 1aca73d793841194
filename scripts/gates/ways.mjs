/**
 * Which tests of kernels run on which of the three ways to run programs, and why the others do not. The gate `webgpu` takes its tests from
 * here, and docs/testing.md its table, so a new test of the engine has to be named on one side.
 */
import { kernelTests } from './processors.mjs';

/** Those that run on WebGPU where software computes. */
const onWebGpu = [
  'engine/pytorch',
  'engine/functions',
  'engine/directions',
  'engine/ranking',
  'engine/webgpu/lost',
  'train/gpu',
  'sparsity/learnt/gpu',
];

const SLOW =
  'too slow where software stands in for the GPU; the gate `apart` runs them with a memory that is apart, as a GPU has it';
const ABOVE = 'about what stands above the kernels, and too slow where software stands in for the GPU';

/** Tests by name, and rooms for all others in them: on which ways they are left out, and why. */
const leftOut = [
  {
    names: ['train/gpu', 'sparsity/learnt/gpu', 'engine/webgpu/lost'],
    on: ['native', 'wasm'],
    why: 'they are about GPUs, and skip themselves where there is none; the counts of dispatches run everywhere',
  },
  {
    names: ['engine/winograd', 'train/winograd'],
    on: ['webgpu'],
    why: 'there are no Winograd kernels for GPUs',
  },
  {
    names: ['engine/sparse', 'sparsity/learnt/sparse'],
    on: ['webgpu'],
    why: 'there are no kernels for GPUs that leave pruned weights out',
  },
  {
    names: ['engine/lowering/formulas', 'engine/lowering/map'],
    on: ['webgpu'],
    why: 'about the loops that are compiled from C; on a GPU every pass becomes a shader of its own',
  },
  {
    names: ['engine/machine'],
    on: ['webgpu'],
    why: 'about threads, processes and programs of C kernels',
  },
  { names: ['runtime'], on: ['webgpu'], why: '`espalier/runtime` runs on processors' },
  {
    names: ['engine/network', 'engine/random', 'engine/recurrent', 'engine/transformers', 'engine/distil'],
    on: ['webgpu'],
    why: SLOW,
  },
  { names: ['train'], on: ['webgpu'], why: SLOW },
  { names: ['channels', 'calibration', 'sparsity'], on: ['webgpu'], why: ABOVE },
];

const nameOf = (file) =>
  file
    .split(/[\\/]/)
    .slice(1)
    .join('/')
    .replace(/\.test\.js$/, '');

const isIn = (names, test) => names.some((name) => test === name || test.startsWith(`${name}/`));

/** The tests of kernels with why they are left out somewhere. @throws Error that names a test that is on neither side, or no test. */
function placed() {
  const tests = kernelTests().map((file) => ({ file, test: nameOf(file) }));
  for (const name of [...onWebGpu, ...leftOut.flatMap(({ names }) => names)])
    if (!tests.some(({ test }) => isIn([name], test)))
      throw new Error(`scripts/gates/ways.mjs names ${name}, but there is no such test of kernels`);
  return tests.map(({ file, test }) => {
    const reason = leftOut.find(({ names }) => isIn(names, test));
    const runs = onWebGpu.includes(test);
    if (!runs && !reason?.on.includes('webgpu'))
      throw new Error(
        `${test} is a test of kernels: say in scripts/gates/ways.mjs that it runs on WebGPU, or why not`,
      );
    return { file, test, reason };
  });
}

/** The files that run on WebGPU. */
export const webGpuTests = () =>
  placed()
    .filter(({ test }) => onWebGpu.includes(test))
    .map(({ file }) => file);

/** The table of docs/testing.md: the tests on each way, those with the same reason in a row. */
export function waysTable() {
  const rows = new Map();
  for (const { test, reason } of placed()) {
    const row = rows.get(reason) ?? [];
    rows.set(reason, [...row, `\`${test}\``]);
  }
  const order = [undefined, ...leftOut].filter((reason) => rows.has(reason));
  const cells = order.map((reason) => [
    rows.get(reason).sort().join(', '),
    ...['native', 'wasm', 'webgpu'].map((way) => (reason?.on.includes(way) ? '–' : 'runs')),
    reason?.why ?? '',
  ]);
  const head = ['| tests | native | wasm | webgpu | why not |', '|---|---|---|---|---|'];
  return [...head, ...cells.map((row) => `| ${row.join(' | ')} |`)].join('\n');
}
