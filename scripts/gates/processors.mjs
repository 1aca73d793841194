/** The kernels on other processors: what tests of kernels and a short training run give there. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { addCounts, noCounts, testFiles, usesKernels, usesOnnxruntime } from '../tests.mjs';
import { failed, openBench, passed } from './run.mjs';

/** The tests that need nothing but the engine itself: no browser, no onnxruntime's models, no command line. */
const rooms = ['engine', 'runtime', 'channels', 'calibration', 'sparsity', 'train'];
const elsewhere = /browser|models/;

export const kernelTests = () =>
  testFiles({ rooms }).filter((file) => usesKernels(file) && !elsewhere.test(file));

/** A test that starts processes and ends them in the middle of a run, where an emulator may wait for ever. */
const endsProcesses = /engine.machine\.test/;

/** Those that are about kernels and nothing above them, for processors that are emulated, where onnxruntime does not start. */
export function innermostTests() {
  const inner = kernelTests().filter((file) => /dist.(engine|runtime)/.test(file));
  const leftOut = inner.filter((file) => usesOnnxruntime(file) || endsProcesses.test(file));
  if (leftOut.length > 0)
    process.stdout.write(`skipped, because an emulator cannot run them: ${leftOut.join(', ')}\n`);
  return inner.filter((file) => !leftOut.includes(file));
}

/** Whether this processor has an instruction set, by its name in /proc/cpuinfo. */
export const processorHas = (feature) =>
  existsSync('/proc/cpuinfo') && new RegExp(`\\b${feature}\\b`).test(readFileSync('/proc/cpuinfo', 'utf8'));

let reference;

/** What the training run gives here, on the best engine there is. */
function trainedHere(log, deadline) {
  reference ??= train(openBench({ log, deadline }));
  return reference;
}

async function train({ run, node }) {
  const { status, out } = await run(node, ['scripts/gates/training.mjs']);
  if (status !== 0) return { engine: 'no engine, for the training run failed' };
  return JSON.parse(out);
}

/** Trains, and compares engine, accuracy and loss with what is expected. */
async function trainingAgrees(bench, vector, expected) {
  const found = await train(bench);
  const right =
    found.engine.includes(vector) &&
    found.accuracy === expected.accuracy &&
    Math.abs(found.loss / expected.loss - 1) < 1e-3;
  process.stdout.write(
    `${right ? 'as on' : 'NOT as on'} ${expected.engine} (${show(expected)}): ${found.engine} (${show(found)})\n`,
  );
  return right ? passed() : failed();
}

const show = ({ accuracy, loss, images }) =>
  accuracy === undefined
    ? 'nothing'
    : `${Math.round(accuracy * images)} of ${images} right, loss ${loss.toFixed(6)}`;

/**
 * Builds the kernels for a processor, where `cpu` names one, and runs the tests and the training run on them.
 * `vector` is how the engine then names its instruction set.
 */
export async function runKernels({ name, node, cpu, compiler, vector, env, files }, { log, deadline }) {
  const own = { ...env };
  if (cpu) {
    const folder = resolve('build', 'gates', name);
    mkdirSync(folder, { recursive: true });
    Object.assign(own, { ESPALIER_ENGINE: 'native', ESPALIER_CPU: cpu });
    own.ESPALIER_NATIVE_PATH = join(folder, 'espalier.node');
    if (compiler) own.CC = compiler;
  }
  const expected = await trainedHere(log, deadline);
  const bench = openBench({ node, env: own, log, deadline });
  const sum = noCounts();
  if (cpu) addCounts(sum, await bench.script('scripts/build-native.mjs'));
  addCounts(sum, await trainingAgrees(bench, vector, expected));
  addCounts(sum, await bench.tests(files));
  return sum;
}
