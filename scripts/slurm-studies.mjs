/**
 * Studies on a real Slurm, of two nodes that are both this machine: one array job is submitted, a task of it is requeued and the node of another is killed with all that
 * runs on it. Every run must have the metrics and the model of one that was left alone.
 *
 *     node scripts/slurm-studies.mjs        (after node scripts/setup.mjs, with Debian's slurm-wlm, as root)
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort, has } from './queue-servers.mjs';

const programs = ['slurmctld', 'slurmd', 'sbatch', 'squeue', 'scontrol'];

/** Why Slurm cannot run here; undefined where it can. */
export function slurmIsMissing() {
  const missing = programs.find((program) => !has(program));
  if (missing) return `there is no ${missing}`;
  if (!has('unshare')) return 'there is no unshare';
  return process.getuid?.() === 0 ? undefined : 'Slurm starts tasks for users as root only';
}

/** Without munge, and requeued tasks begin again after seconds, not minutes. */
const settings = (folder, [control, ...nodes]) => `ClusterName=espalier
SlurmctldHost=${hostname()}(127.0.0.1)
SlurmctldPort=${control}
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
SlurmUser=root
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool-%n
SlurmctldPidFile=${folder}/control.pid
SlurmdPidFile=${folder}/%n.pid
SlurmctldLogFile=${folder}/control.log
SlurmdLogFile=${folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout=10
KillWait=5
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
${nodes.map((port, i) => `NodeName=n${i} NodeHostname=${hostname()} NodeAddr=127.0.0.1 Port=${port} CPUs=1`).join('\n')}
PartitionName=all Nodes=ALL Default=YES State=UP
`;

/** Starts the controller and two nodes; `close` ends them, and all that runs on them. */
async function openSlurm(root) {
  const folder = join(root, 'slurm');
  const ports = [await freePort(), await freePort(), await freePort()];
  for (const name of ['state', 'spool-n0', 'spool-n1']) mkdirSync(join(folder, name), { recursive: true });
  const conf = join(folder, 'slurm.conf');
  writeFileSync(conf, settings(folder, ports));
  const env = { ...process.env, SLURM_CONF: conf };
  const daemons = new Map();
  const start = (name, ...[program, ...args]) => {
    const daemon = spawn(program, args, { env, stdio: 'ignore' });
    daemons.set(name, { daemon, ended: new Promise((resolve) => daemon.once('exit', resolve)) });
  };
  const run = (...[program, ...args]) => {
    const { status, stdout, stderr, error } = spawnSync(program, args, { env, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr || error}`);
    return stdout.trim();
  };
  const kill = async (name) => {
    const { daemon, ended } = daemons.get(name) ?? {};
    daemon?.kill('SIGKILL');
    await ended;
  };
  const slurm = {
    run,
    /** In a space of process numbers of its own, so that a kill takes all that runs there, as that of a machine does. */
    startNode: (name) =>
      start(
        name,
        ...['unshare', '--pid', '--fork', '--kill-child', '--mount-proc', 'slurmd', '-D', '-N', name],
      ),
    kill,
    async close() {
      for (const name of ['n0', 'n1', 'control']) await kill(name);
    },
  };
  start('control', 'slurmctld', '-D');
  for (const name of ['n0', 'n1']) slurm.startNode(name);
  const until = Date.now() + 60_000;
  const idle = () => spawnSync('sinfo', ['-h', '-t', 'idle', '-o', '%D'], { env, encoding: 'utf8' }).stdout;
  while (idle()?.trim() !== '2') {
    if (Date.now() < until) await wait(200);
    else {
      await slurm.close();
      throw new Error(`Slurm does not start: ${readFileSync(join(folder, 'control.log'), 'utf8')}`);
    }
  }
  return slurm;
}

const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const runs = ['gmp', 'fggp'].flatMap((method) => [1, 2].map((seed) => `${method}/seed-${seed}`));
const study = `title: On Slurm
recipe: { model: conv2, width: 0.25, data: digits, batch: 256, lr: 0.05, epochs: 8, sparsity: 0.8 }
vary: { method: [gmp, fggp] }
seeds: [1, 2]
`;

/** What a run has come to: its model, and its metrics without times. */
function resultOf(folder) {
  const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').replace(/,"seconds":[\d.e-]+/g, '');
  return Buffer.concat([readFileSync(join(folder, 'model.onnx')), Buffer.from(lines)]);
}

async function check() {
  const root = mkdtempSync(join(tmpdir(), 'espalier-slurm-'));
  const espalier = (line) => {
    const { status, stderr } = spawnSync(process.execPath, [program, ...line.split(' ')], {
      cwd: root,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`espalier ${line}: ${stderr}`);
  };
  writeFileSync(join(root, 'study.yaml'), study);
  let slurm;
  try {
    espalier('study study.yaml --out alone --threads 1');
    slurm = await openSlurm(root);
    espalier('study study.yaml --out mine --queue slurm --jobs 2 --threads 1');
    const job = slurm.run('sbatch', '--parsable', join(root, 'mine', 'slurm.sh'));
    const has = (run, file) => existsSync(join(root, 'mine', run, ...file.split('/')));
    const taskOf = (run) => {
      const list = readFileSync(join(root, 'mine', 'runs.jsonl'), 'utf8')
        .trim()
        .split('\n');
      return list.findIndex((line) => JSON.parse(line).run === run);
    };
    /** A run that is at work and has a checkpoint, and the node that it is on. */
    const atWork = async () => {
      for (;;) {
        for (const run of runs) {
          if (has(run, 'summary.json') || !has(run, 'checkpoint/state.bin')) continue;
          const task = `${job}_${taskOf(run)}`;
          const node = spawnedOn(slurm, task);
          if (node) return { run, task, node };
        }
        if (runs.every((run) => has(run, 'summary.json'))) throw new Error('The runs are over too early.');
        await wait(50);
      }
    };
    const requeued = await atWork();
    slurm.run('scontrol', 'requeue', requeued.task);
    process.stdout.write(`${requeued.run} is requeued.\n`);
    await wait(1000);
    const killed = await atWork();
    await slurm.kill(killed.node);
    process.stdout.write(`The node of ${killed.run} is killed.\n`);
    while (!/down|drain/i.test(slurm.run('sinfo', '-h', '-n', killed.node, '-o', '%T'))) await wait(500);
    slurm.startNode(killed.node);
    while (slurm.run('squeue', '-h', '-j', job) !== '') await wait(500);
    for (const run of runs) {
      const log = join(root, 'mine', `slurm-${taskOf(run)}.log`);
      if (!has(run, 'summary.json')) throw new Error(`${run} is not finished: ${readFileSync(log, 'utf8')}`);
      if (!resultOf(join(root, 'mine', run)).equals(resultOf(join(root, 'alone', run))))
        throw new Error(`${run} is not what it is when it is left alone`);
    }
    for (const { task } of [requeued, killed])
      if (!/goes on/.test(readFileSync(join(root, 'mine', `slurm-${task.split('_')[1]}.log`), 'utf8')))
        throw new Error(`Task ${task} did not go on from its checkpoint`);
    process.stdout.write(
      `${runs.length} runs on Slurm, one task requeued and one node killed: all the same bytes.\n`,
    );
  } finally {
    await slurm?.close();
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The node that a task runs on; undefined where it does not run. */
const spawnedOn = (slurm, task) =>
  slurm
    .run('squeue', '-h', '-t', 'running', '-o', '%K %N')
    .split('\n')
    .find((line) => line.startsWith(`${task.split('_')[1]} `))
    ?.split(' ')[1];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const reason = slurmIsMissing();
  if (reason) process.stdout.write(`Studies on Slurm are skipped: ${reason}.\n`);
  else await check();
}
