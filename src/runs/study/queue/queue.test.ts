/** Studies on a queue: what is put there, given out and left; on a queue in memory, and on Redis and PostgreSQL where they are installed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { version } from '../../../base/index.js';
import { runFolder } from '../../folder.js';
import type { StudyEvent, StudyTask } from '../jobs.js';
import { type Study, type StudyRun, studyRuns } from '../study.js';
import { openQueue, type RunQueue, readTask, submitRuns, work, workOnTask, writeArrayJob } from './index.js';
import type { QueuedRun, QueueEvent } from './types.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-queue-'));
after(() => rmSync(root, { recursive: true, force: true }));
const worker = fileURLToPath(new URL('./run.test.fixture.js', import.meta.url));

/** A study of a run for each number of epochs. */
function studyOf(name: string, epochs: number[]): { study: string; runs: StudyRun[] } {
  const values = epochs.map((n) => ({ label: String(n), settings: { epochs: n } }));
  const recipe = { model: 'conv2', data: 'digits' };
  const described: Study = { title: name, recipe, axes: [{ name: 'epochs', values }], seeds: [1] };
  const study = join(root, name);
  mkdirSync(study, { recursive: true });
  return { study, runs: studyRuns(described, study, version) };
}

const tasksOf = (runs: readonly StudyRun[]): StudyTask[] => runs.map((run) => ({ run }));

/** A queue in memory, which may forget. */
function memory(): RunQueue & { forget(): void; given: string[] } {
  const waiting = new Map<string, { run: QueuedRun; from: number }>();
  const busy = new Set<string>();
  const listeners: ((event: QueueEvent) => void)[] = [];
  const say = (event: QueueEvent) => {
    for (const listener of listeners) listener(event);
  };
  const given: string[] = [];
  return {
    given,
    forget: () => waiting.clear(),
    async add(runs) {
      for (const { id, run } of runs)
        if (!busy.has(id) && !waiting.has(id)) waiting.set(id, { run, from: 0 });
    },
    count: async () => waiting.size + busy.size,
    listen: async (listener) => void listeners.push(listener),
    async work(hand, { signal }) {
      while (!signal.aborted) {
        const [id, next] = [...waiting].find(([, { from }]) => from <= Date.now()) ?? [];
        if (!id || !next) {
          await wait(5);
          continue;
        }
        waiting.delete(id);
        busy.add(id);
        given.push(next.run.run);
        say({ id, kind: 'started' });
        const outcome = await hand(next.run, (metrics) => say({ id, kind: 'epoch', metrics }));
        busy.delete(id);
        if (outcome.kind === 'later') waiting.set(id, { ...next, from: Date.now() + outcome.after });
        else say({ id, ...outcome });
      }
    },
    close: async () => {},
  };
}

interface Told {
  kinds: string[];
  notes: string[];
}

/** A study with one worker, from beginning to end. */
async function together(
  { study, runs }: ReturnType<typeof studyOf>,
  queue: RunQueue,
  dir?: string,
): Promise<Told> {
  const [kinds, notes]: string[][] = [[], []];
  const stop = new AbortController();
  const { signal } = stop;
  const options = {
    queue,
    worker,
    jobs: 1,
    threads: 1,
    dir,
    signal,
    onNote: (note: string) => notes.push(note),
  };
  const working = work(options);
  const onEvent = (event: StudyEvent) => kinds.push(`${event.run.cell.at.epochs} ${event.kind}`);
  await submitRuns(tasksOf(runs), { queue, study, signal, rhythm: 100, onEvent });
  stop.abort();
  await working;
  return { kinds, notes };
}

test('a study on a queue: finished, failed, and taken by another at first; what is finished ends at once', async () => {
  const study = studyOf('all', [1, 7, 8]);
  const queue = memory();
  const { kinds } = await together(study, queue);
  assert.deepEqual(kinds.filter((kind) => !kind.endsWith('epoch')).sort(), [
    ...['1 finished', '1 started', '7 failed', '7 started', '8 finished', '8 started'],
  ]);
  assert.deepEqual(queue.given, ['1/seed-1', '7/seed-1', '8/seed-1', '8/seed-1']);
  assert.match(readFileSync(`${study.runs[1].path}.failed.txt`, 'utf8'), /It cannot be/);
  const again = await together(study, queue);
  assert.deepEqual(
    again.kinds.filter((kind) => !/epoch$|started$/.test(kind)),
    ['1 kept', '8 kept', '7 failed'],
  );

  // A queue may give out a run once more that is finished.
  const [run] = study.runs;
  const stop = new AbortController();
  const notes: string[] = [];
  const how = {
    queue,
    worker: 'none',
    jobs: 1,
    threads: 1,
    signal: stop.signal,
    onNote: (note: string) => notes.push(note),
  };
  const ended = new Promise<QueueEvent>((resolve) => {
    void queue.listen((event) => event.kind === 'finished' && resolve(event));
  });
  await queue.add([{ id: 'x', run: { study: study.study, run: '1/seed-1', recipe: run.recipe, version } }]);
  const working = work(how);
  assert.equal((await ended).kind, 'finished');
  stop.abort();
  await working;
  assert.deepEqual(notes, []);
});

test('what follows from a run that has ended is put on the queue, too', async () => {
  const { study, runs } = studyOf('besides', [1, 2, 3]);
  const queue = memory();
  const stop = new AbortController();
  const { signal } = stop;
  const working = work({ queue, worker, jobs: 1, threads: 1, signal, onNote: () => {} });
  const told: string[] = [];
  await submitRuns(tasksOf(runs.slice(0, 1)), {
    queue,
    study,
    signal,
    rhythm: 50,
    onEvent: ({ run, kind }) => kind === 'finished' && told.push(run.cell.at.epochs),
    more: async (done) => tasksOf(runs.slice(runs.indexOf(done) + 1).slice(0, 1)),
  });
  stop.abort();
  await working;
  assert.deepEqual(told, ['1', '2', '3']);
});

test('what a queue has forgotten while it was away is put there again', async () => {
  const { study, runs } = studyOf('forgotten', [1, 2]);
  const queue = memory();
  const stop = new AbortController();
  const submitting = submitRuns(tasksOf(runs), {
    queue,
    study,
    signal: stop.signal,
    rhythm: 50,
    onEvent: () => {},
  });
  while ((await queue.count()) < 2) await wait(5);
  const { count, add } = queue;
  let refusals = 0;
  const refuse = async () => {
    refusals++;
    throw new Error('connect ECONNREFUSED');
  };
  queue.count = refuse;
  while (refusals < 2) await wait(5);
  queue.add = refuse;
  queue.forget();
  queue.count = count;
  while (refusals < 3) await wait(5);
  queue.add = add;
  while ((await queue.count()) < 2) await wait(5);
  stop.abort();
  await submitting;
});

test('a worker that is stopped puts its run back, and one of another version refuses it', async () => {
  const { study, runs } = studyOf('stopped', [9]);
  const queue = memory();
  const stop = new AbortController();
  const how = { queue, worker, jobs: 1, threads: 1, rhythm: 50, signal: stop.signal, onNote: () => {} };
  const working = work(how);
  const watching = new AbortController();
  const submitting = submitRuns(tasksOf(runs), {
    queue,
    study,
    signal: watching.signal,
    rhythm: 50,
    onEvent: () => {},
  });
  while (!existsSync(runFolder(runs[0].path).recipe)) await wait(5);
  stop.abort();
  await working;
  watching.abort();
  await submitting;
  assert.equal(await queue.count(), 1);
  assert.ok(!existsSync(`${runs[0].path}.failed.txt`));
  queue.forget();
  const other = { study, run: '9/seed-1', recipe: runs[0].recipe, version: '0.0.0' };
  await queue.add([{ id: 'x', run: other }]);
  const again = new AbortController();
  const refused = work({ ...how, signal: again.signal });
  while (!existsSync(`${runs[0].path}.failed.txt`)) await wait(5);
  again.abort();
  await refused;
  assert.match(readFileSync(`${runs[0].path}.failed.txt`, 'utf8'), /put on the queue by espalier 0\.0\.0/);
});

test('a worker finds studies at another place with --dir, and leaves what it has no folder for', async () => {
  const study = studyOf('moved', [1]);
  const moved = join(root, 'elsewhere');
  mkdirSync(moved);
  const queue = memory();
  const stop = new AbortController();
  const notes: string[] = [];
  const how = {
    queue,
    worker,
    jobs: 1,
    threads: 1,
    signal: stop.signal,
    onNote: (note: string) => notes.push(note),
  };
  const [run] = study.runs;
  await queue.add([{ id: 'x', run: { study: study.study, run: '1/seed-1', recipe: run.recipe, version } }]);
  const working = work({ ...how, dir: moved });
  while (notes.length === 0) await wait(5);
  assert.match(
    notes[0],
    /^There is no folder .*elsewhere.moved on .*: give the place of the studies here with --dir\.$/,
  );
  renameSync(study.study, join(moved, 'moved'));
  while (!existsSync(join(moved, 'moved', '1', 'seed-1', 'summary.json'))) await wait(20);
  stop.abort();
  await working;
});

for (const kind of ['redis', 'postgres'] as const) {
  const servers = await import(new URL('../../../../scripts/queue-servers.mjs', import.meta.url).href);
  test(`the same on ${kind}, where a run that waits is there once`, {
    skip: servers.missing(kind),
  }, async (t) => {
    const server = await servers.openServer(kind);
    t.after(() => server.close());
    const queue = await openQueue(server.url);
    const study = studyOf(`on-${kind}`, [1, 7]);
    const jobs = study.runs.map(({ recipe }, i) => ({
      id: `job${i}`,
      run: { study: study.study, run: `${recipe.epochs}/seed-1`, recipe, version },
    }));
    await queue.add(jobs);
    await queue.add(jobs);
    assert.equal(await queue.count(), 2);
    const { kinds } = await together(study, queue);
    assert.deepEqual(kinds.filter((one) => /finished|failed/.test(one)).sort(), ['1 finished', '7 failed']);
    await queue.close();
  });
}

test('an array job of Slurm has a task for each run that is not there', async () => {
  const { study, runs } = studyOf("it's slurm", [1, 2, 8]);
  const open = runs.map((run) => ({ run, resume: false }));
  const program = [process.execPath, join(root, 'main module.js')];
  const script = await writeArrayJob(open, { study, program, jobs: 2, threads: 3 });
  const text = readFileSync(script, 'utf8');
  for (const line of ['#SBATCH --array=0-2%2', '#SBATCH --cpus-per-task=3', '#SBATCH --requeue'])
    assert.ok(text.includes(`${line}\n`), text);
  // What sbatch does: the script as it is, with the number of the task in the environment.
  writeFileSync(program[1], 'console.log(JSON.stringify(process.argv.slice(2)))');
  const env = { ...process.env, SLURM_ARRAY_TASK_ID: '2' };
  const { stdout } = spawnSync('sh', [script], { env, encoding: 'utf8' });
  const list = join(study, 'runs.jsonl');
  assert.deepEqual(JSON.parse(stdout), ['worker', list, '--task', '2', '--threads', '3']);
  const how = { worker, threads: 1, signal: new AbortController().signal, onNote: () => {} };
  await workOnTask(await readTask(list, 1), how);
  assert.ok(existsSync(runFolder(runs[1].path).summary));
  await assert.rejects(workOnTask(await readTask(list, 2), how), /another process is at work on it/);
  await assert.rejects(readTask(list, 3), /has 3 runs and no run 3; the first is 0\./);
});

test('a server that does not answer is told, without its password', { timeout: 30_000 }, async () => {
  await assert.rejects(
    openQueue('redis://me:secret@127.0.0.1:1'),
    /^UserError: There is no answer from the queue redis:\/\/127\.0\.0\.1:1 \(.*ECONNREFUSED.*\): check its address, and that it runs\.$/,
  );
});
