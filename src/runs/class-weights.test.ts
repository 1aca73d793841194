/** Classes that count by weights: the gradients are those of each class, times its weight. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { normal, random } from '../base/index.js';
import { archive, reals, wholes } from '../data/npz.test.fixture.js';
import { loadNetwork, type Machine, openMachine } from '../engine/index.js';
import { buildNetwork } from '../nn/index.js';
import { writeModel } from '../onnx/index.js';
import { draws, perceptron } from './arrays.test.fixture.js';
import { resolveRecipe } from './recipe.js';
import { resumeRun, startRun } from './run.js';
import { balancedWeights } from './training.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-class-weights-'));
const at = (...names: string[]) => join(root, ...names);
let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 1 });
});
after(async () => {
  await machine.close();
  rmSync(root, { recursive: true, force: true });
});

const COUNT = 24;
const SIZE = 3 * 64;
const r = random(4);
const images = Float32Array.from({ length: COUNT * SIZE }, () => normal(r));
const labels = Int32Array.from({ length: COUNT }, (_, n) => (n % 8 < 5 ? 0 : n % 8 < 7 ? 1 : 2));

/** Without BatchNormalization, where samples have nothing to do with one another. */
async function gradientsOf(rows: number[], classWeights?: number[]) {
  const graph = buildNetwork('conv2', { shape: [3, 8, 8], classes: 3, seed: 1, width: 0.25 });
  const network = loadNetwork(graph, { machine });
  const training = network.training({ batch: rows.length, optimizer: 'sgd', classWeights });
  const taken = rows.flatMap((n) => [...images.subarray(n * SIZE, (n + 1) * SIZE)]);
  const own = Int32Array.from(rows, (n) => labels[n]);
  const { loss } = await training.gradients(Float32Array.from(taken), own, rows.length, 1);
  const gradients = [...training.slots.values()].flatMap(({ gradient }) => [...gradient]);
  network.close();
  return { loss, gradients };
}

test('gradients are the sum of those of the classes, each times its weight', async () => {
  const rows = [...labels.keys()];
  const weights = balancedWeights(labels);
  assert.deepEqual(weights, [COUNT / (3 * 15), COUNT / (3 * 6), COUNT / (3 * 3)]);
  const [plain, weighed] = [await gradientsOf(rows), await gradientsOf(rows, weights)];
  assert.equal(weighed.loss, plain.loss);
  const classes = await Promise.all(
    [0, 1, 2].map(async (label) => {
      const own = rows.filter((n) => labels[n] === label);
      const { gradients } = await gradientsOf(own);
      return gradients.map((g) => (weights[label] * g * own.length) / COUNT);
    }),
  );
  const most = Math.max(...plain.gradients.map(Math.abs));
  const off = weighed.gradients.map((g, i) => Math.abs(g - classes.reduce((sum, own) => sum + own[i], 0)));
  assert.ok(Math.max(...off) < 1e-5 * most, `${Math.max(...off)} ${most}`);
  assert.ok(weighed.gradients.some((g, i) => Math.abs(g - plain.gradients[i]) > 0.01 * most));
});

test('a class without samples has no say', () => {
  assert.deepEqual(balancedWeights(Int32Array.of(2, 0, 0, 2, -1)), [1, 1, 1]);
});

test('a run with balanced classes is resumed to the same bits, and one without classes is refused', async () => {
  await writeModel(at('model.onnx'), perceptron());
  const { values } = draws(120, 8, (_, label, i) => Number(i % 3 === label) + i / 10);
  const rare = Array.from({ length: 120 }, (_, n) => (n % 12 === 2 ? 2 : n % 2));
  const x = reals([120, 8], values);
  writeFileSync(at('rare.npz'), archive({ x, y: wholes([120], rare) }));
  writeFileSync(at('numbers.npz'), archive({ x, y: reals([120, 3], new Float32Array(360)) }));
  const given = { model: at('model.onnx'), epochs: 3, batch: 16, threads: 1, optimizer: 'adam' };
  const recipeFor = (settings: object) => resolveRecipe('train', { ...given, ...settings }, '0');
  const data = `npz:${at('rare.npz')}`;
  const balanced = recipeFor({ data, classWeights: 'balanced' });
  await startRun(balanced, at('whole'));
  await startRun(recipeFor({ data }), at('plain'));
  const stop = new AbortController();
  const onEpoch = ({ epoch }: { epoch: number }) => epoch === 1 && stop.abort();
  await startRun(balanced, at('cut'), { signal: stop.signal, onEpoch });
  await resumeRun(at('cut'));
  const bytes = (run: string) => readFileSync(at(run, 'model.onnx'));
  assert.ok(bytes('cut').equals(bytes('whole')));
  assert.ok(!bytes('plain').equals(bytes('whole')));
  const numbers = { data: `npz:${at('numbers.npz')}`, learn: 'regression', classWeights: 'balanced' };
  await assert.rejects(startRun(recipeFor(numbers), at('no')), {
    name: 'UserError',
    message: /There are no classes of samples to balance in regression by the squared error/,
  });
  assert.throws(() => readFileSync(at('no', 'recipe.json')));
});
