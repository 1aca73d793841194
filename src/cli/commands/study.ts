/** study: a comparison of many runs. */

import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { count, duration, fail, version } from '../../base/index.js';
import { figureText, studyNotes, studyTable, writeStudy } from '../../report/index.js';
import {
  carryOut,
  carryOutHalving,
  claimStudy,
  type ExecutionOptions,
  estimateCost,
  findRun,
  isServer,
  mixedData,
  nameOfCell,
  openQueue,
  openRuns,
  readStudy,
  readStudyLines,
  refuseHalving,
  type Study,
  type StudyCost,
  type StudyEvent,
  type StudyRun,
  shownAddress,
  stoppedIn,
  studyRuns,
  submitRuns,
  summarizeStudy,
  writeArrayJob,
} from '../../runs/index.js';
import { define } from '../define.js';
import { type Face, Stopped } from '../face.js';
import { openProgress, type Progress } from '../progress.js';
import { left, right, table } from '../table.js';
import { studyRun } from './study-run-path.js';

export function addStudy(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'study',
    argument: '[STUDY]',
    about: 'a YAML file with what the runs share and what varies',
    out: 'folder of the study; each run gets a folder in it',
    recipes: false,
    examples: [
      'study studies/fggp-ablation.yaml --out runs/fggp-ablation --jobs 2',
      'study studies/fggp-ablation.yaml --out runs/fggp-ablation --table',
      'study studies/masksparsity.yaml --model resnet56.onnx --out runs/masksparsity',
    ],
    async run({ given, argument: [path], out }, face) {
      if (!path) return fail('The study is missing: name its file, as in espalier study mine.yaml.');
      if (!out) return fail('The folder of the study is missing: give --out, such as --out runs/mine.');
      const named = await readStudy(path);
      const { model, log } = given;
      const recipe = { ...named.recipe, ...(model && { model }), ...(log && { log }) };
      const study = { ...named, recipe };
      const runs = studyRuns(study, out, version);
      refuseHalving(study, runs);
      const { jobs = 1, threads = Math.max(1, Math.floor(availableParallelism() / jobs)), queue } = given;
      if (queue !== undefined) refuseForWorkers(queue, given);
      const place = { runs, study, out, jobs, threads, queue };
      if (queue === SLURM && !given.table && !given.cost) return writeJob(place, given, face);
      if (given.cost) return showCost(place, face);
      if (!given.table) {
        const release = await claimStudy(out);
        await perform(place, face).finally(release);
      }
      await show(study, runs, out, face);
      if (face.signal.aborted)
        throw new Stopped(
          queue === undefined
            ? 'Stopped; the same command goes on.'
            : 'Stopped watching; the workers go on, and the same command watches them again.',
        );
    },
  });
}

/** What --queue says where runs become one array job. */
const SLURM = 'slurm';

const program = fileURLToPath(new URL('../main.js', import.meta.url));

/** Writes an array job of what is not there yet. */
async function writeJob(
  { study, runs, out }: Undertaking,
  { jobs, threads = 1 }: { jobs?: number; threads?: number },
  face: Face,
): Promise<void> {
  if (study.halving)
    fail('Slurm carries out all runs at once: leave halving out, or have workers carry them out.');
  const release = await claimStudy(out);
  try {
    const open = await openRuns(runs, { onEvent: () => {} });
    if (open.length === 0) return face.result({ runs: 0 }, 'All runs are there already.');
    const node = [process.execPath, program];
    const script = await writeArrayJob(open, { study: out, program: node, jobs, threads });
    face.result(
      { runs: open.length, script },
      `${script} has ${open.length} runs that are not there yet, on ${threads} ${threads === 1 ? 'core' : 'cores'} each. Submit it with: sbatch ${script}`,
    );
  } finally {
    await release();
  }
}

/** What is carried out, and how. */
interface Undertaking {
  study: Study;
  runs: readonly StudyRun[];
  out: string;
  jobs: number;
  threads: number;
  queue?: string;
}

/** Carries out the runs here or by workers, in rounds where the study stops settings early. */
async function perform(undertaking: Undertaking, face: Face): Promise<void> {
  const { study, runs, out, jobs, threads, queue: url } = undertaking;
  const { signal } = face;
  const rounds = (carryOut: (runs: readonly StudyRun[], how: ExecutionOptions) => Promise<void>) =>
    carryOutHalving(
      study,
      runs,
      (some, until) => {
        if (until !== undefined) face.note(`${some.length} runs to the end of epoch ${until}:`);
        return watched(some, url === undefined ? jobs : 1, face, (how) => carryOut(some, { ...how, until }));
      },
      signal,
    );
  if (!face.quiet && (await leftOf(runs)).length > 1)
    face.note(costText(await costOf(undertaking, face), undertaking));
  if (url === undefined)
    return rounds((some, how) => carryOut(some, { ...how, worker: studyRun, jobs, threads }));
  const queue = await openQueue(url);
  face.note(
    `The runs wait on ${shownAddress(url)}; on each machine that shall work: espalier worker ${shownAddress(url)}`,
  );
  return rounds((some, how) => submitRuns(some, { ...how, queue, study: out })).finally(queue.close);
}

/** Runs that have not begun. */
async function leftOf(runs: readonly StudyRun[]): Promise<StudyRun[]> {
  const found = await Promise.all(runs.map(findRun));
  return runs.filter((_, i) => found[i] === 'nothing');
}

const costOf = async ({ study, runs, threads }: Undertaking, { signal }: Face): Promise<StudyCost> =>
  estimateCost(await leftOf(runs), { threads, halving: study.halving, signal });

function costText(
  { runs, epochs, coreSeconds, measured, kinds }: StudyCost,
  { jobs, threads, queue }: Undertaking,
): string {
  const of = measured < kinds ? ` (${measured} of ${kinds} kinds of runs)` : '';
  const all = `${count(runs)} runs with ${count(epochs)} epochs`;
  if (measured === 0) return `${all}; what they will take cannot be measured here.`;
  const cores = jobs * threads;
  const here =
    queue === undefined
      ? `, ${duration(coreSeconds / cores)} with ${jobs} at a time on ${threads} ${threads === 1 ? 'thread' : 'threads'}`
      : '';
  return `${all} will take about ${coreHours(coreSeconds)}, by steps measured here${of}${here}.`;
}

const coreHours = (seconds: number): string =>
  seconds < 3600
    ? `${(seconds / 60).toPrecision(2)} core-minutes`
    : `${(seconds / 3600).toPrecision(3)} core-hours`;

async function showCost(undertaking: Undertaking, face: Face): Promise<void> {
  const cost = await costOf(undertaking, face);
  face.result(cost, costText(cost, undertaking));
}

/** Runs with progress, so many of them at a time. */
async function watched(
  runs: readonly StudyRun[],
  jobs: number,
  face: Face,
  carryOut: (how: ExecutionOptions) => Promise<void>,
): Promise<void> {
  const progress = openProgress(face);
  const { signal } = face;
  await carryOut({ signal, onEvent: teller(runs.length, jobs, progress) }).finally(progress.stop);
}

function refuseForWorkers(queue: string, { jobs, threads }: { jobs?: number; threads?: number }): void {
  if (queue === SLURM) return;
  if (!isServer(queue))
    fail(`${queue} is not the address of a queue: give redis://…, postgres://… or slurm.`);
  if (jobs !== undefined || threads !== undefined)
    fail(
      'With --queue the workers say how much they do at a time: give --jobs and --threads to espalier worker.',
    );
}

/** Tells the events of a study, with what is left by the mean of the runs so far. */
function teller(total: number, jobs: number, progress: Progress): (event: StudyEvent) => void {
  const begun = new Map<StudyRun, number>();
  const last = new Map<StudyRun, string>();
  let [done, kept, spent, timed] = [0, 0, 0, 0];
  const left = () => (timed && done < total ? ((total - done) * spent) / timed / jobs : undefined);
  return (event) => {
    const { run } = event;
    const name = `${nameOfCell(run.cell)} seed ${run.seed}`;
    if (event.kind === 'kept') {
      done++;
      kept++;
    } else if (event.kind === 'started') {
      if (begun.size === 0 && kept > 0) progress.line(`${kept} of ${total} runs are there already.`);
      begun.set(run, performance.now());
      if (event.resume) progress.line(`${name} goes on.`);
    } else if (event.kind === 'epoch') {
      const { epoch, test, validation } = event.metrics;
      last.set(run, figureText(test ?? validation ?? event.metrics));
      progress.update(done, total, `${name} · epoch ${epoch} · ${last.get(run)}`, left());
    } else {
      done++;
      if (event.kind === 'finished' || event.kind === 'paused') {
        timed++;
        spent += (performance.now() - begun.get(run)!) / 1000;
      }
      const outcome = event.kind === 'failed' ? `failed: ${event.sentence}` : (last.get(run) ?? 'finished');
      const seconds = left();
      const rest = seconds === undefined ? '' : ` · about ${duration(seconds)} left`;
      progress.line(`${done}/${total} ${name} · ${outcome}${rest}`);
    }
  };
}

/** Writes and prints what is there. */
async function show(study: Study, runs: readonly StudyRun[], out: string, face: Face): Promise<void> {
  const lines = await readStudyLines(runs);
  const mixed = await mixedData(runs);
  const stopped = (await stoppedIn(study, runs)).map(({ cell, epoch, value }) => ({ ...cell, epoch, value }));
  const result = {
    ...summarizeStudy(study, lines),
    ...(mixed && { mixed }),
    ...(stopped.length > 0 && { stopped }),
  };
  await writeStudy(out, result, lines);
  const { titles, rows } = studyTable(result);
  const columns = titles.map((title, i) => (i < result.axes.length ? left(title) : right(title)));
  face.result(result, [table(columns, rows), ...studyNotes(result)].join('\n\n'));
}
