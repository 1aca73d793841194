/** train, prune, resume: the commands that make or continue a run folder. */

import { relative } from 'node:path';
import type { Command } from 'commander';
import { fail, version } from '../../base/index.js';
import {
  figureText,
  heldAtOne,
  isSpoilt,
  roundedTo,
  rows,
  verdictOf,
  writeReport,
} from '../../report/index.js';
import {
  channelSettings,
  dataSettings,
  flagOf,
  lossSettings,
  modelSettings,
  pruningSettings,
  type RunResult,
  refuseOccupied,
  resumeRun,
  type Summary,
  stagesOf,
  startRun,
  suitRun,
  trainingSettings,
} from '../../runs/index.js';
import { define } from '../define.js';
import { type Face, Stopped } from '../face.js';
import { modelOf } from '../model.js';
import { watchRun } from '../progress.js';
import { styled } from '../style.js';
import { left, right, table } from '../table.js';

const groups = { 'Data:': dataSettings, 'Training:': trainingSettings, 'Model:': modelSettings };

export function addTrain(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'train',
    argument: '[MODEL]',
    about: 'an .onnx file, a run or the name of a network of the zoo',
    common: ['data', 'epochs', 'batch', 'lr', 'optimizer', 'augment', 'teacher', 'seed', 'threads', 'engine'],
    groups,
    out: 'folder for the run, which must be new or empty',
    examples: [
      'train resnet8 --data digits --epochs 5 --out runs/a',
      'train resnet20 --data cifar10 --epochs 10 --lr 0.1 --out runs/b',
      'train mine.onnx --data images:./photos --lr 0.01 --out runs/c',
      'train --recipe runs/a/recipe.json --seed 1 --out runs/d',
    ],
    run: ({ given, argument, out }, face) =>
      start('train', { ...given, model: modelOf(argument, given) }, out, face),
  });
}

export function addPrune(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'prune',
    argument: '[MODEL]',
    about: 'an .onnx file, a run or the name of a network of the zoo',
    common: [
      'data',
      'method',
      'sparsity',
      'macs',
      'epochs',
      'batch',
      'lr',
      'teacher',
      'seed',
      'threads',
      'engine',
    ],
    groups: {
      'Pruning:': { ...pruningSettings, ...lossSettings },
      'Pruning channels:': channelSettings,
      ...groups,
    },
    out: 'folder for the run, which must be new or empty',
    examples: [
      'prune runs/a/model.onnx --method fggp --sparsity 0.95 --data digits --epochs 10 --out runs/e',
      'prune runs/b/model.onnx --method gmp --sparsity 0.9 --data cifar10 --out runs/f',
      'prune resnet20 --method fggp --start-density 0.5 --sparsity 0.98 --data cifar10 --epochs 160 --out runs/g',
      'prune mine.onnx --method gmp --sparsity 0.9 --data images:./photos --out runs/h',
      'prune mine.onnx --method masksparsity --macs 0.5 --data cifar10 --epochs 90 --out runs/i',
      'prune mine.onnx --method depgraph --latency 0.5 --data cifar10 --teacher self --out runs/j',
      'prune mine.onnx --method l1-filters --macs 0.5 --data none --out runs/k',
    ],
    run: ({ given, argument, out }, face) =>
      start('prune', { ...given, model: modelOf(argument, given) }, out, face),
  });
}

export function addResume(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'resume',
    argument: '[RUN]',
    about: 'the folder that you gave with --out',
    recipes: false,
    examples: ['resume runs/b', 'resume runs/c --data images:/mnt/photos'],
    async run({ given, argument: [path] }, face) {
      if (!path) fail('The run is missing: name its folder, as in espalier resume runs/a.');
      await watched(face, path, (watch) => resumeRun(path, { ...watch, ...given }));
    },
  });
}

async function start(command: 'train' | 'prune', given: object, out: string | undefined, face: Face) {
  if (!out) return fail('The folder of the run is missing: give --out, such as --out runs/a.');
  await refuseOccupied(out);
  const { signal, note: onNote } = face;
  const { recipe, opened } = await suitRun(command, given, version, { signal, onNote });
  await watched(face, out, (watch) => startRun(recipe, out, { ...watch, opened }));
}

/** Runs with progress; at the end the report and the figures. */
export async function watched(
  face: Face,
  path: string,
  run: (watch: ReturnType<typeof watchRun>) => Promise<RunResult>,
): Promise<void> {
  const watch = watchRun(face);
  const { folder, summary } = await run(watch)
    .catch((error) => {
      if (face.signal.aborted && error === face.signal.reason) return stopped(path);
      throw error;
    })
    .finally(watch.stop);
  if (!summary) return stopped(path);
  await writeReport(folder);
  face.result({ run: folder.path, ...summary }, `${figures(summary)}\n\n${files(folder)}`);
}

const stopped = (path: string): never => {
  throw new Stopped(`Stopped. Continue with: espalier resume ${path}`);
};

/** The figures of a run, as a person compares them. */
export function figures(summary: Summary): string {
  const lines = rows(summary).map(({ what, before, after, target }) => [what, before, after, target]);
  const titles = [left(''), right('before'), right('after'), right('target')];
  const { check, narrow } = summary.export;
  const checked = check.by
    ? styled('good', `Checked in ${check.by}.`)
    : styled(
        'warning',
        `Not checked: ${check.unchecked ?? 'neither onnxruntime-node nor onnxruntime-web is installed here'}.`,
      );
  const measured = stagesOf(summary);
  const stages = measured.length > 0 ? `\n\n${stageTable(measured)}` : '';
  const { search } = summary;
  const searched = search ? `\n\n${searchText(search)}` : '';
  const { held } = summary.prunable;
  const kept = held ? `\n\n${heldAtOne(held)}` : '';
  const verdict = verdictOf(summary);
  return `${table(titles, lines)}${stages}${searched}${kept}\n\n${verdict ? `${isSpoilt(summary) ? styled('warning', verdict) : verdict}\n\n` : ''}${checked}${narrow.length ? ` ${roundedTo(narrow)}` : ''}`;
}

/** What a search for a target has found. */
const searchText = ({ of, found, trials, allowed, samples }: NonNullable<Summary['search']>): string =>
  `Of ${trials.length} targets tried, ${flagOf(of)} ${found} is the farthest that loses at most ${Number((100 * allowed).toPrecision(4))} %, by ${samples} training samples held out of the trials.`;

/** How good the network was after each stage. */
const stageTable = (stages: ReturnType<typeof stagesOf>): string =>
  table(
    [
      left('after'),
      left(''),
      right(stages.some(({ accuracy }) => accuracy !== undefined) ? 'accuracy' : 'metric'),
      right('loss'),
    ],
    stages.map(({ stage, what, ...figures }) => [stage, what, figureText(figures), figures.loss.toFixed(4)]),
  );

/** Where the files of a run are. */
export function files({ model, report, summary }: RunResult['folder']): string {
  const near = (path: string) => {
    const short = relative(process.cwd(), path);
    return short.startsWith('..') ? path : short;
  };
  return [
    ['model', near(model)],
    ['figures', near(summary)],
    ['report', near(report)],
  ]
    .map(([what, path]) => `${what.padEnd(8)} ${path}`)
    .join('\n');
}
