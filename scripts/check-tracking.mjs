/**
 * Has the real TensorBoard and a real MLflow server read what a run tells them with --log. Each is skipped, by name, where Python has
 * no such package:
 *
 *     pip install tensorboard mlflow
 *     node scripts/check-tracking.mjs            (after node scripts/setup.mjs)
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const python = process.env.PYTHON || 'python3';

/** Whether Python has a package. */
export const hasPackage = (name) => spawnSync(python, ['-c', `import ${name}`]).status === 0;

const READ_EVENTS = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1]).Reload()
tags = events.Tags()
print(json.dumps({'scalars': {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags['scalars']},
                  'texts': [tag for tag in tags['tensors']]}))
`;

/** @throws Error where a list of [step, loss] is not that of metrics.jsonl. */
function compare(what, told, folder) {
  const epochs = readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ kind }) => kind === 'epoch');
  const expected = epochs.map(({ loss }, i) => [i + 1, Math.fround(loss)]);
  const found = told.map(([step, value]) => [step, Math.fround(value)]);
  if (JSON.stringify(found) !== JSON.stringify(expected))
    throw new Error(`${what} has ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
  process.stdout.write(`${what} reads the ${epochs.length} epochs of the run.\n`);
}

function prune(folder, log) {
  const line = `prune conv2 --width 0.25 --data digits --method gmp --sparsity 0.8 --batch 256 --epochs 3 --threads 1 --quiet --log ${log}`;
  const { status, stderr } = spawnSync(process.execPath, [program, ...line.split(' '), '--out', folder], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
}

function checkTensorBoard(root) {
  const folder = join(root, 'tensorboard');
  prune(folder, 'tensorboard');
  const { status, stdout, stderr } = spawnSync(python, ['-c', READ_EVENTS, folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  const { scalars, texts } = JSON.parse(stdout.trim().split('\n').at(-1));
  compare('TensorBoard', scalars.loss, folder);
  if (!texts.some((tag) => tag.startsWith('recipe')))
    throw new Error('TensorBoard has no text of the recipe');
}

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

async function checkMlflow(root) {
  const folder = join(root, 'mlflow');
  const url = `http://127.0.0.1:${await freePort()}`;
  const args = ['-m', 'mlflow', 'server', '--host', '127.0.0.1', '--port', new URL(url).port];
  const store = ['--backend-store-uri', `sqlite:///${join(root, 'mlflow.db')}`];
  const server = spawn(python, [...args, ...store], { cwd: root, stdio: 'ignore', detached: true });
  try {
    const answers = () =>
      fetch(`${url}/health`).then(
        ({ ok }) => ok,
        () => false,
      );
    for (let seconds = 0; !(await answers()); seconds++) {
      if (seconds > 60) throw new Error('the MLflow server does not start');
      await wait(1000);
    }
    prune(folder, `mlflow:${url}`);
    const { runId } = JSON.parse(readFileSync(join(folder, 'checkpoint', 'mlflow.json'), 'utf8'));
    const query = new URLSearchParams({ run_id: runId, metric_key: 'loss' });
    const history = await (await fetch(`${url}/api/2.0/mlflow/metrics/get-history?${query}`)).json();
    compare(
      'MLflow',
      history.metrics.map(({ step, value }) => [Number(step ?? 0), value]),
      folder,
    );
    const { run } = await (await fetch(`${url}/api/2.0/mlflow/runs/get?run_id=${runId}`)).json();
    if (run.info.status !== 'FINISHED') throw new Error(`MLflow says that the run is ${run.info.status}`);
  } finally {
    process.kill(-server.pid);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = mkdtempSync(join(tmpdir(), 'espalier-tracking-'));
  try {
    for (const [name, check] of [
      ['tensorboard', checkTensorBoard],
      ['mlflow', checkMlflow],
    ])
      if (hasPackage(name)) await check(root);
      else process.stdout.write(`${name} is skipped: ${python} has no package ${name}.\n`);
  } finally {
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  }
}
