/** The trainer on the engine: what it gives depends neither on threads nor on being killed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { integer, random } from '../base/index.js';
import { openDataset } from '../data/index.js';
import { loadNetwork, openMachine } from '../engine/index.js';
import { buildNetwork } from '../nn/index.js';
import { trainingGraph } from '../objectives/index.js';
import { readCheckpoint } from './checkpoint.js';
import { trainDigits } from './digits.test.fixture.js';
import { evaluate } from './evaluate.js';
import { trainNetwork } from './loop.js';
import type { RunState } from './state.js';
import { weightsOf, withWeights } from './weights.js';

test('threads change nothing, to the bit', async () => {
  const one = await trainDigits({ epochs: 1 }, 1);
  for (const threads of [2, 3])
    assert.deepEqual((await trainDigits({ epochs: 1 }, threads)).weights, one.weights);
});

test('a pruned weight is exactly 0, its moments too, and the digits are learnt', async () => {
  const { epochs, weights } = await trainDigits();
  assert.ok(epochs[1].test!.accuracy! > 0.8, `${epochs[1].test!.accuracy}`);
  const [, first] = [...weights].find(([, values]) => values.length > 100)!;
  const pruned = Math.floor(first.length * 0.06);
  assert.ok(first.subarray(0, pruned).every((w) => w === 0) && first[pruned] !== 0);
});

test('a model that ends in a Softmax is trained before it, and measured after it', async () => {
  const digits = await openDataset('digits');
  const machine = await openMachine();
  const plain = buildNetwork('conv2', { shape: [1, 8, 8], classes: 10, seed: 1, width: 0.25 });
  const [output] = plain.outputs;
  const attributes = { axis: { type: 'int' as const, value: 1 } };
  const softmax = {
    ...plain.nodes[0],
    name: 's',
    op: 'Softmax',
    inputs: [output.name],
    outputs: ['p'],
    attributes,
  };
  const model = { ...plain, nodes: [...plain.nodes, softmax], outputs: [{ ...output, name: 'p' }] };
  const settings = {
    ...{ data: digits, epochs: 1, batch: 64, seed: 1 },
    optimizer: { kind: 'adamw' as const },
    schedule: { kind: 'constant' as const, learningRate: 0.003 },
  };
  await assert.rejects(
    trainNetwork({ network: loadNetwork(model, { machine }), ...settings }),
    /ends in a Softmax/,
  );
  const network = loadNetwork(trainingGraph(model), { machine });
  const { epochs } = await trainNetwork({ network, ...settings });
  const trained = loadNetwork(withWeights(model, weightsOf(network)), { machine });
  const measured = await evaluate(trained, digits.test!, { normalize: digits });
  const [{ test: before }] = epochs;
  assert.equal(measured.accuracy, before!.accuracy);
  assert.ok(
    Math.abs(measured.loss - before!.loss) < 1e-5 && measured.accuracy! > 0.7,
    `${measured.accuracy}`,
  );
  await machine.close();
});

/** Runs the digits on from the checkpoint and kills them after so many steps; true when they came to their end. */
function runAndKill(path: string, steps: number): Promise<boolean> {
  const program = fileURLToPath(new URL('digits.test.fixture.js', import.meta.url));
  const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'pipe'] });
  let seen = 0;
  let complaint = '';
  child.stderr.on('data', (text: Buffer) => {
    complaint += text;
  });
  child.stdout.on('data', (lines: Buffer) => {
    seen += lines.toString().split('\n').length - 1;
    if (seen >= steps) child.kill('SIGKILL');
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(false);
      else if (code === 0) resolve(true);
      else reject(new Error(`the run ended with ${code ?? signal}: ${complaint}`));
    });
  });
}

test('a run killed again and again ends bit-identical to one that was not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-killed-'));
  try {
    const whole = join(folder, 'whole');
    await trainDigits({ checkpoint: { path: whole } });
    const killed = join(folder, 'killed');
    const draw = random(Date.now());
    let kills = 0;
    while (!(await runAndKill(killed, kills < 5 ? 1 + integer(draw, 25) : Infinity))) kills++;
    assert.ok(kills >= 3, `${kills} kills`);
    const [a, b] = [await readCheckpoint<RunState>(whole), await readCheckpoint<RunState>(killed)];
    assert.deepEqual(b!.arrays, a!.arrays);
    assert.deepEqual(timeless(b!.state), timeless(a!.state));
  } finally {
    await rm(folder, { recursive: true });
  }
});

const timeless = (state: RunState) => ({
  ...state,
  epochs: state.epochs.map(({ seconds: _, ...rest }) => rest),
  sums: undefined,
});
