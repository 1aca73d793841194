/** study: a comparison of many runs. */

import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { duration, fail, version } from '../../base/index.js';
import { figureText, studyNotes, studyTable, writeStudy } from '../../report/index.js';
import {
  carryOut,
  claimStudy,
  type ExecutionOptions,
  isServer,
  mixedData,
  nameOfCell,
  openQueue,
  readStudy,
  readStudyLines,
  type Study,
  type StudyEvent,
  type StudyRun,
  shownAddress,
  studyRuns,
  submitRuns,
  summarizeStudy,
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
      const { jobs = 1, threads = Math.max(1, Math.floor(availableParallelism() / jobs)), queue } = given;
      if (queue !== undefined) refuseForWorkers(queue, given);
      if (!given.table) {
        const release = await claimStudy(out);
        await (queue === undefined
          ? watched(runs, jobs, face, (how) => carryOut(runs, { ...how, worker: studyRun, jobs, threads }))
          : submitted(runs, { url: queue, out }, face)
        ).finally(release);
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

/** Has workers carry out the runs. */
async function submitted(
  runs: readonly StudyRun[],
  { url, out }: { url: string; out: string },
  face: Face,
): Promise<void> {
  const queue = await openQueue(url);
  face.note(
    `The runs wait on ${shownAddress(url)}; on each machine that shall work: espalier worker ${shownAddress(url)}`,
  );
  await watched(runs, 1, face, (how) => submitRuns(runs, { ...how, queue, study: out })).finally(queue.close);
}

function refuseForWorkers(queue: string, { jobs, threads }: { jobs?: number; threads?: number }): void {
  if (!isServer(queue)) fail(`${queue} is not the address of a queue: give redis://… or postgres://…`);
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
      if (event.kind === 'finished') {
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
  const result = { ...summarizeStudy(study, lines), ...(mixed && { mixed }) };
  await writeStudy(out, result, lines);
  const { titles, rows } = studyTable(result);
  const columns = titles.map((title, i) => (i < result.axes.length ? left(title) : right(title)));
  face.result(result, [table(columns, rows), ...studyNotes(result)].join('\n\n'));
}
