/** A run that is killed on one machine goes on upon another that shares no folder with it, by a store. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { shell } from './shell.test.fixture.js';

const { openS3Server } = await import(new URL('../../scripts/s3-server.mjs', import.meta.url).href);
const server = await openS3Server();
Object.assign(process.env, server.env);
after(server.stop);
const { at, espalier } = shell('storage');

writeFileSync(
  at('study.yaml'),
  `
title: A test
recipe: { model: conv2, width: 0.25, data: digits, batch: 256, lr: 0.05, epochs: 16, sparsity: 0.8 }
vary: { method: [gmp] }
seeds: [1]
`,
);

/** The lines of a run, without times. */
const metricsOf = (folder: string): string[] =>
  readFileSync(at(folder, 'gmp', 'seed-1', 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n');
const untimed = (line: string): string => line.replace(/,"seconds":[\d.e-]+/g, '');

test('killed in one folder, it goes on in another to the same bits, and comes back to the first', async () => {
  const alone = await espalier('study study.yaml --out alone --threads 1');
  assert.equal(alone.status, 0, alone.err);

  const storage = '--storage s3://bucket/studies --threads 1';
  const manifest = 'studies/mine/runs/gmp/seed-1.json';
  /** Kills the run once the store has an epoch of it, and not its end. */
  let isKilled = false;
  const kill = () => {
    const { files = {}, holder } = JSON.parse(server.objects.get(manifest)?.body.toString() ?? '{}');
    const { id } = files['metrics.jsonl'] ?? {};
    const lines = id && server.objects.get(`studies/mine/files/gmp/seed-1/metrics.jsonl/${id}`);
    if (isKilled || !lines?.body.includes('"kind":"epoch"') || files['summary.json']) return;
    isKilled = process.kill(holder.pid, 'SIGKILL');
  };
  server.answer = (request: string) => {
    // When it has been carried out.
    if (request === `PUT /bucket/${manifest}`) setImmediate(kill);
  };
  const killed = await espalier(`study study.yaml --out here/mine ${storage} --json`);
  server.answer = () => undefined;
  assert.match(JSON.parse(killed.out).failures[0].failed, /The process of the run was ended by SIGKILL/);
  const before = JSON.parse(server.objects.get(manifest).body.toString());
  assert.ok(before.holder && !before.files['summary.json'], 'it was at work');

  const done = await espalier(`study study.yaml --out there/mine ${storage} --json`);
  assert.equal(done.status, 0, done.err);
  assert.equal(JSON.parse(done.out).finished, 1, done.out);
  const model = (folder: string) => readFileSync(at(folder, 'gmp', 'seed-1', 'model.onnx'));
  assert.ok(model('there/mine').equals(model('alone')));
  assert.deepEqual(metricsOf('there/mine').map(untimed), metricsOf('alone').map(untimed));
  // It did not begin again: the first epoch has the time that it took in the first folder.
  assert.equal(metricsOf('there/mine')[0], metricsOf('here/mine')[0]);

  assert.ok(!existsSync(at('here', 'mine', 'gmp', 'seed-1', 'summary.json')));
  const shown = await espalier(
    'study study.yaml --out here/mine --table --storage s3://bucket/studies --json',
  );
  assert.equal(JSON.parse(shown.out).finished, 1, shown.err);
  assert.ok(model('here/mine').equals(model('alone')));
});
