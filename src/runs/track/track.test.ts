/** Runs told to others: event files, CSV, and a server of MLflow's interface that comes and goes. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { type Recipe, resumeRun, startRun, trainRecipe } from '../index.js';
import type { MetricsLine, Summary } from '../summary.js';
import { crc32c } from './crc32c.js';
import { asCsv } from './csv.js';
import { readEvents } from './events.test.fixture.js';
import { openTracking } from './index.js';
import { nameOnServer } from './mlflow.js';
import { openMlflowServer, type ServedRun } from './mlflow.test.fixture.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-track-'));
after(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
function newFolder(): string {
  const path = join(root, `run-${count++}`);
  mkdirSync(join(path, 'checkpoint'), { recursive: true });
  return path;
}

const recipeWith = (...log: string[]): Recipe => trainRecipe({ model: 'conv2', data: 'digits', log });
const epoch = (n: number): MetricsLine => ({
  ...{ kind: 'epoch', epoch: n, loss: 1 / n, learningRate: 0.1, seconds: 1 },
  test: { loss: 2 / n, accuracy: n / 10 },
});
const masks = (iteration: number): MetricsLine => ({
  ...{ kind: 'masks', iteration, sparsity: 0.5, final: false },
  layers: [{ name: '/conv//Conv:weight', size: 10, kept: 5, density: 0.5 }],
});
const summary = { sparsity: { before: 0, after: 0.5 }, bytes: { raw: { after: 7 } } } as unknown as Summary;
const eventsIn = (path: string) => {
  const name = readdirSync(path).find((one) => one.startsWith('events.out.tfevents.'));
  return join(path, name!);
};

test('checksums are those of RFC 3720', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
  assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43);
});

test('an event file has every figure once, whatever a kill has torn', async () => {
  const path = newFolder();
  const recipe = recipeWith('tensorboard');
  const first = openTracking({ path, recipe });
  first.begin([masks(0), epoch(1), epoch(2)]);
  await first.end('stopped');
  const file = eventsIn(path);
  truncateSync(file, readFileSync(file).length - 5);
  for (let attempt = 0; attempt < 2; attempt++) {
    const again = openTracking({ path, recipe });
    again.begin([masks(0), epoch(1)]); // the checkpoint is older than the file
    for (const line of [epoch(2), masks(9), epoch(3)]) again.add(line);
    await again.end('finished', summary);
  }
  const [version, text, ...events] = readEvents(readFileSync(file));
  assert.equal(version.fileVersion, 'brain.Event:2');
  assert.match(text.texts.recipe, /\| model \| conv2 \|/);
  assert.ok(Math.abs(version.wallTime - Date.now() / 1000) < 3600);
  const told = events.map(({ step, scalars }) => ({
    step,
    scalars: Object.fromEntries(
      Object.entries(scalars).map(([name, value]) => [name, Number(value.toFixed(4))]),
    ),
  }));
  const scalarsAt = (n: number) => ({
    loss: Number((1 / n).toFixed(4)),
    learningRate: 0.1,
    seconds: 1,
    'test/loss': Number((2 / n).toFixed(4)),
    'test/accuracy': n / 10,
  });
  const masked = { 'masks/sparsity': 0.5, 'density//conv//Conv:weight': 0.5 };
  assert.deepEqual(told, [
    { step: 0, scalars: masked },
    { step: 1, scalars: scalarsAt(1) },
    { step: 2, scalars: scalarsAt(2) },
    { step: 9, scalars: masked },
    { step: 3, scalars: scalarsAt(3) },
    { step: 3, scalars: { 'final/sparsity': 0.5, 'final/bytes/raw': 7 } },
  ]);
});

test('CSV has a column for each figure, and quotes what needs it', async () => {
  const path = newFolder();
  const tracking = openTracking({ path, recipe: recipeWith('csv') });
  tracking.begin([]);
  for (const line of [
    masks(0),
    epoch(1),
    { ...epoch(1), stage: '2-fine-tune', sparsity: 0.5 } as MetricsLine,
  ])
    tracking.add(line);
  await tracking.end('finished', summary);
  assert.equal(
    readFileSync(join(path, 'metrics.csv'), 'utf8'),
    'epoch,stage,loss,learningRate,seconds,test.loss,test.accuracy,sparsity\n1,,1,0.1,1,2,0.1,\n1,2-fine-tune,1,0.1,1,2,0.1,0.5\n',
  );
  assert.equal(asCsv(['a', 'b'], [{ a: 'x, "y"', b: 0 }, { b: null }]), 'a,b\n"x, ""y""",0\n,\n');
});

const known = ({ metrics }: ServedRun) => metrics.map(({ key, step, value }) => `${key}@${step}=${value}`);

test('MLflow has every figure once, of a run that was killed and a server that was away', async (t) => {
  const server = await openMlflowServer();
  t.after(() => server.down());
  await server.down();
  const path = newFolder();
  const recipe = recipeWith(`mlflow:${server.url}/`);
  const notes: string[] = [];
  const first = openTracking({ path, recipe, onNote: (note) => notes.push(note) });
  first.begin([]);
  for (const line of [masks(0), epoch(1)]) first.add(line);
  while (notes.length === 0) await wait(10);
  await server.up();
  await first.end('stopped');
  assert.equal(notes.length, 1, notes.join('\n'));
  assert.match(notes[0], /^MLflow at http:.* does not take .*ECONNREFUSED.* follows when it is back\.$/);
  assert.equal(server.runs.get('run1')?.status, 'KILLED');

  const second = openTracking({ path, recipe });
  second.begin([masks(0)]);
  for (const line of [epoch(1), epoch(2)]) second.add(line);
  await second.end('finished', summary);
  const calls = server.calls.length;
  const third = openTracking({ path, recipe, summary });
  third.begin([masks(0), epoch(1), epoch(2)]);
  await third.end('finished', summary);
  assert.equal(server.calls.length, calls, 'a finished run that is resumed has nothing to tell');

  assert.deepEqual([...server.experiments], [['espalier', '1']]);
  assert.equal(server.runs.size, 1);
  const run = server.runs.get('run1')!;
  assert.equal(run.status, 'FINISHED');
  assert.equal(run.params.model, 'conv2');
  const told = known(run);
  assert.equal(new Set(told).size, told.length);
  for (const one of ['loss@1=1', 'loss@2=0.5', 'density/conv/Conv_weight@0=0.5', 'final/sparsity@2=0.5'])
    assert.ok(told.includes(one), `${one} is in ${told.join(' ')}`);
});

test('a server that refuses is asked once, and the run goes on', async (t) => {
  const server = await openMlflowServer();
  t.after(() => server.down());
  const notes: string[] = [];
  const recipe = recipeWith(`mlflow:${server.url}/elsewhere`);
  const tracking = openTracking({ path: newFolder(), recipe, onNote: (note) => notes.push(note) });
  tracking.begin([]);
  while (notes.length === 0) await wait(10);
  tracking.add(epoch(1));
  await tracking.end('finished', summary);
  assert.deepEqual(notes, [
    `MLflow at ${server.url}/elsewhere does not take the figures of this run: no GET /elsewhere/api/2.0/mlflow/experiments/get-by-name. The run goes on without it.`,
  ]);
  assert.equal(server.calls.length, 1);
});

test('names of layers become such as MLflow takes', () => {
  assert.equal(nameOnServer('density//a/../b//c:0 é'), 'density/a/__/b/c_0 _');
});

test('a run that is stopped and resumed has told all of it, in every place', async (t) => {
  const server = await openMlflowServer();
  t.after(() => server.down());
  const log = ['csv', 'tensorboard', `mlflow:${server.url}`];
  const recipe = trainRecipe({
    model: 'conv2',
    width: 0.25,
    data: 'digits',
    batch: 512,
    epochs: 3,
    threads: 1,
    log,
  });
  const path = join(root, 'whole');
  const stop = new AbortController();
  const stopped = await startRun(recipe, path, { signal: stop.signal, onEpoch: () => stop.abort() });
  assert.equal(stopped.summary, undefined);
  appendFileSync(eventsIn(path), 'torn');
  assert.ok((await resumeRun(path)).summary);
  const losses = readFileSync(join(path, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).loss as number);
  assert.equal(losses.length, 3);
  const csv = readFileSync(join(path, 'metrics.csv'), 'utf8').trim().split('\n').slice(1);
  assert.deepEqual(
    csv.map((line) => Number(line.split(',')[1])),
    losses,
  );
  const scalars = readEvents(readFileSync(eventsIn(path))).flatMap((event) => event.scalars.loss ?? []);
  assert.deepEqual(scalars, losses.map(Math.fround));
  const [run] = server.runs.values();
  assert.deepEqual(
    run.metrics.filter(({ key }) => key === 'loss').map(({ value }) => value),
    losses,
  );
  assert.equal(run.status, 'FINISHED');
});

test('what cannot be followed is refused', () => {
  for (const log of [['wandb'], ['mlflow:'], ['mlflow:ftp://x'], ['csv', 'csv'], ['mlflow:http://a:b@x']])
    assert.throws(
      () => recipeWith(...log),
      /The setting log must be a list of csv, tensorboard and mlflow:URL/,
    );
});
