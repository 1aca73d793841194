/** study: a comparison of many runs. */

import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { duration, fail, version } from '../../base/index.js';
import { figureText, studyNotes, studyTable, writeStudy } from '../../report/index.js';
import {
  carryOut,
  claimStudy,
  mixedData,
  nameOfCell,
  readStudy,
  readStudyLines,
  type Study,
  type StudyEvent,
  type StudyRun,
  studyRuns,
  summarizeStudy,
} from '../../runs/index.js';
import { define } from '../define.js';
import { type Face, Stopped } from '../face.js';
import { openProgress, type Progress } from '../progress.js';
import { left, right, table } from '../table.js';

const worker = fileURLToPath(new URL('./study-run.js', import.meta.url));

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
      const { jobs = 1, threads = Math.max(1, Math.floor(availableParallelism() / jobs)) } = given;
      if (!given.table) {
        const release = await claimStudy(out);
        await watched(runs, { jobs, threads }, face).finally(release);
      }
      await show(study, runs, out, face);
      if (face.signal.aborted) throw new Stopped('Stopped; the same command goes on.');
    },
  });
}

async function watched(
  runs: readonly StudyRun[],
  options: { jobs: number; threads: number },
  face: Face,
): Promise<void> {
  const progress = openProgress(face);
  const { signal } = face;
  const onEvent = teller(runs.length, options.jobs, progress);
  await carryOut(runs, { ...options, worker, signal, onEvent }).finally(progress.stop);
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
