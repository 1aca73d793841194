/**
 * Kills workers and the queue's server at any moment while studies are carried out, and compares every run with one that was left alone:
 * metrics and model must be the same.
 *
 *     node scripts/queue-kills.mjs --server redis --kills 6 --server-kills 1             (after node scripts/setup.mjs)
 *     node scripts/queue-kills.mjs --server redis --kills 100 --server-kills 20          what docs/studies.md tells of
 *     node scripts/queue-kills.mjs --server postgres --kills 6 --server-kills 1 --machines
 *     node scripts/queue-kills.mjs --server redis --kills 6 --server-kills 1 --storage small
 *     node scripts/queue-kills.mjs --server redis --kills 6 --server-kills 1 --storage ceph
 *
 * With --storage every worker has a folder of its own, as a machine without the shared folder has, and runs are kept in a store: a small server of this
 * project's, or the gateway of Ceph, where it is installed. The store, too, goes away and comes back.
 * With --machines every worker lies in a space of process numbers of its own, as on another machine: whether it is gone is told by the age of its lock.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cephIsMissing, openCeph } from './ceph-server.mjs';
import { missing, openServer } from './queue-servers.mjs';
import { openS3Server } from './s3-server.mjs';

const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const { values } = parseArgs({
  options: {
    server: { type: 'string', default: 'redis' },
    kills: { type: 'string', default: '6' },
    'server-kills': { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    epochs: { type: 'string', default: '12' },
    seed: { type: 'string', default: '1' },
    // Of the time that a run takes, the share that passes between two kills in the mean.
    between: { type: 'string', default: '0.75' },
    machines: { type: 'boolean', default: false },
    // 'small' or 'ceph'; without it machines share a folder.
    storage: { type: 'string' },
  },
});
const kinds = values.server;
const reason = missing(kinds) ?? (values.storage === 'ceph' ? cephIsMissing() : undefined);
if (reason) {
  process.stdout.write(`Kills with a queue on ${kinds} are skipped: ${reason}.\n`);
  process.exit(0);
}

const root = mkdtempSync(join(tmpdir(), 'espalier-queue-'));
const runs = ['gmp', 'fggp'].flatMap((method) => [1, 2].map((seed) => `${method}/seed-${seed}`));
writeFileSync(
  join(root, 'study.yaml'),
  `title: Kills
recipe: { model: conv2, width: 0.25, data: digits, batch: 256, lr: 0.05, epochs: ${values.epochs}, sparsity: 0.8 }
vary: { method: [gmp, fggp] }
seeds: [1, 2]
`,
);

/** Numbers in [0, 1) that follow from the seed. */
let state = Number(values.seed) >>> 0;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};

const groups = new Set();
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => {
    for (const group of groups) process.kill(-group, 'SIGKILL');
    server?.kill();
    store?.close?.();
    process.exit(130);
  });

/** Starts espalier in a process group of its own, so that a kill takes all of it, as that of a machine does. */
function start(line, { apart = false } = {}) {
  const own = [process.execPath, program, ...line.split(' ')];
  const args = apart ? ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc', ...own] : own;
  const child = spawn(args[0], args.slice(1), {
    cwd: root,
    env: { ...process.env, ...store?.env },
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  groups.add(child.pid);
  let said = '';
  child.stderr.on('data', (text) => {
    said = `${said}${text}`.slice(-4000);
  });
  const ended = new Promise((resolve) =>
    child.on('close', (status) => {
      groups.delete(child.pid);
      resolve({ status, said });
    }),
  );
  return {
    ended,
    said: () => said,
    kill: () => groups.has(child.pid) && process.kill(-child.pid, 'SIGKILL'),
  };
}

/** Waits until a process has reached the server, and gives whether it has: one that finds none at first ends with a sentence. */
async function connected({ said, ended }, sentence) {
  let isOver = false;
  ended.then(() => {
    isOver = true;
  });
  while (!said().includes(sentence) && !isOver) await wait(50);
  return said().includes(sentence);
}

async function finished({ ended }) {
  const { status, said } = await ended;
  if (status !== 0) throw new Error(`It ended with status ${status}: ${said}`);
}

/** What a run has come to: its model, and its metrics without times. */
function resultOf(folder, run) {
  const lines = readFileSync(join(root, folder, run, 'metrics.jsonl'), 'utf8').replace(
    /,"seconds":[\d.e-]+/g,
    '',
  );
  return Buffer.concat([readFileSync(join(root, folder, run, 'model.onnx')), Buffer.from(lines)]);
}

const openers = { small: openS3Server, ceph: openCeph };
let [server, store] = [];
let [killed, servers, studies] = [0, 0, 0];
const [kills, serverKills] = [Number(values.kills), Number(values['server-kills'])];
const begun = Date.now();
try {
  await finished(start('study study.yaml --out alone --threads 1'));
  const alone = new Map(runs.map((run) => [run, resultOf('alone', run)]));
  const seconds = (Date.now() - begun) / 1000 / runs.length;
  process.stdout.write(`A run that is left alone takes ${seconds.toFixed(1)} s.\n`);
  server = await openServer(kinds);
  store = await openers[values.storage]?.();
  const employ = (_, i) => {
    const dir = store ? ` --dir ${join(root, `machine-${i}`)}` : '';
    return start(`worker ${server.url} --threads 1${dir}`, { apart: values.machines });
  };
  const workers = Array.from({ length: Number(values.workers) }, employ);
  while (killed < kills || servers < serverKills) {
    const folder = `study-${studies++}`;
    const kept = store ? ' --storage s3://bucket/studies' : '';
    const study = start(`study study.yaml --out ${folder} --queue ${server.url}${kept}`);
    let isOpen = true;
    const ended = finished(study).finally(() => {
      isOpen = false;
    });
    ended.catch(() => {});
    if (!(await connected(study, 'The runs are queued on')) && (await study.ended).status === 0)
      throw new Error(
        `The study was never heard to queue its runs, so nothing could be killed: ${study.said()}`,
      );
    while (isOpen && (killed < kills || servers < serverKills)) {
      await Promise.race([
        wait(1000 * (0.2 + 2 * Number(values.between) * random() * seconds)),
        ended.catch(() => {}),
      ]);
      if (!isOpen) break;
      for (const worker of workers) await connected(worker, 'Waiting for runs');
      if (servers < serverKills && random() < serverKills / (kills + serverKills)) {
        // Of two servers now this one, now the other.
        const target = store && servers % 2 === 0 ? store : server;
        await (target === store ? store.stop() : server.kill());
        servers++;
        await wait(500 + 3000 * random());
        await target.start();
      } else if (killed < kills) {
        const i = Math.floor(random() * workers.length);
        workers[i].kill();
        killed++;
        await workers[i].ended;
        workers[i] = employ(undefined, i);
      }
    }
    await ended;
    for (const run of runs) {
      if (!existsSync(join(root, folder, run, 'summary.json')))
        throw new Error(`${folder}/${run} did not end: ${study.said()}`);
      if (!resultOf(folder, run).equals(alone.get(run)))
        throw new Error(`${folder}/${run} is not what it is when it is left alone`);
    }
    process.stdout.write(
      `${studies} studies of ${runs.length} runs, ${killed} kills of workers, ${servers} of the server, ${Math.round((Date.now() - begun) / 1000)} s: all the same bytes.\n`,
    );
    // Its report may be written still.
    rmSync(join(root, folder), { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
} finally {
  for (const group of groups) process.kill(-group, 'SIGKILL');
  await server?.close();
  await (store?.close ?? store?.stop)?.();
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
}
