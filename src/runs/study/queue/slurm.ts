/**
 * A study as one array job of Slurm: a list of runs, and a script whose tasks each carry out one of them. Nothing is installed for it, and
 * nothing is kept of it: what is missing afterwards is listed by the same command again.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fail, reason, writeAtomically } from '../../../base/index.js';
import type { EngineName } from '../../../engine/index.js';
import type { OpenRun } from '../jobs.js';
import { queuedRun } from './submit.js';
import type { QueuedRun } from './types.js';

export interface SlurmOptions {
  /** Folder of the study. */
  study: string;
  /** The program that a task starts, with its first arguments: Node and the module of the command line. */
  program: readonly string[];
  /** Tasks at a time; default as many as Slurm finds room for. */
  jobs?: number;
  /** Of each task. */
  threads: number;
  engine?: EngineName;
  /** Where the runs are kept, `s3://BUCKET/PREFIX`; default in the folder of the study. */
  storage?: string;
}

/** Writes `runs.jsonl` and `slurm.sh` into the folder of the study; gives the path of the script. */
export async function writeArrayJob(open: readonly OpenRun[], options: SlurmOptions): Promise<string> {
  const { study, storage } = options;
  const list = join(resolve(study), 'runs.jsonl');
  const script = join(resolve(study), 'slurm.sh');
  const lines = open.map((task) => JSON.stringify(queuedRun(study, task, storage)));
  await writeAtomically(list, lines.map((line) => `${line}\n`).join(''));
  await writeAtomically(script, scriptFor(list, lines.length, options));
  return script;
}

/** SIGTERM comes a minute before the time is over, so that a run saves what it has. */
function scriptFor(
  list: string,
  count: number,
  { study, program, jobs, threads, engine }: SlurmOptions,
): string {
  const words = [
    ...program,
    'worker',
    list,
    '--task',
    '"$SLURM_ARRAY_TASK_ID"',
    '--threads',
    String(threads),
    ...(engine === undefined ? [] : ['--engine', engine]),
  ];
  return `#!/bin/sh
#SBATCH --job-name=espalier
#SBATCH --array=0-${count - 1}${jobs === undefined ? '' : `%${jobs}`}
#SBATCH --cpus-per-task=${threads}
#SBATCH --requeue
#SBATCH --signal=B:TERM@60
#SBATCH --open-mode=append
#SBATCH --output="${join(resolve(study), 'slurm-%a.log')}"
exec ${words.map(quoted).join(' ')}
`;
}

const quoted = (word: string): string =>
  word.startsWith('"') || /^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** The run of a task. @throws UserError where the list cannot be read or has no such run. */
export async function readTask(list: string, task: number): Promise<QueuedRun> {
  const text = await readFile(list, 'utf8').catch((error) =>
    fail(`Cannot read the list of runs ${list}: ${reason(error)}; espalier study --queue slurm writes it.`),
  );
  const lines = text.split('\n').filter(Boolean);
  const line = lines[task];
  return line
    ? JSON.parse(line)
    : fail(`${list} has ${lines.length} runs and no run ${task}; the first is 0.`);
}
