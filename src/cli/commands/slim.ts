/** slim: a smaller model in one command. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import { version } from '../../base/index.js';
import { writeReport } from '../../report/index.js';
import {
  channelSettings,
  dataSettings,
  fileSettings,
  pruningSettings,
  slim,
  slimSettings,
  trainingSettings,
} from '../../runs/index.js';
import { define } from '../define.js';
import { Stopped } from '../face.js';
import { modelOf } from '../model.js';
import { watchRun } from '../progress.js';
import { figures, files } from './run.js';

export function addSlim(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'slim',
    argument: '[MODEL]',
    about: 'a trained model: an .onnx file or a run',
    common: ['target', 'time', 'data', 'normalize', 'epochs', 'seed', 'threads', 'engine'],
    groups: {
      'What to reach:': slimSettings,
      'Data:': dataSettings,
      'Pruning:': pruningSettings,
      'Pruning channels:': channelSettings,
      'Training:': trainingSettings,
      'Model:': fileSettings,
    },
    out: 'folder for the run, which must be new or empty (default: the name of the model with -slim)',
    examples: [
      'slim mine.onnx --data images:./photos',
      'slim mine.onnx --data images:./photos --target "40% of MACs" --time 30m',
      'slim mine.onnx --target 2MB',
      'slim runs/a --data cifar10 --target "90% sparsity" --out runs/b',
    ],
    async run({ given, argument, out }, face) {
      const model = modelOf(argument, given);
      const path = out ?? `${basename(argument[0] ?? model).replace(/\.(onnx|espk)$/i, '')}-slim`;
      const watch = watchRun(face);
      const { folder, summary, milder } = await slim({ ...given, model }, path, { version, ...watch })
        .catch((error) => {
          if (face.signal.aborted && error === face.signal.reason) throw new Stopped('Stopped.');
          throw error;
        })
        .finally(watch.stop);
      if (!summary) throw new Stopped(`Stopped. Continue with: espalier resume ${path}`);
      await writeReport(folder);
      const text = `${figures(summary)}\n\n${files(folder)}`;
      if (!milder?.summary) return face.result({ run: folder.path, ...summary }, text);
      await writeReport(milder.folder);
      const second = `${figures(milder.summary)}\n\n${files(milder.folder)}`;
      const value = { run: folder.path, ...summary, milder: { run: milder.folder.path, ...milder.summary } };
      face.result(value, `${text}\n\nA milder cut:\n\n${second}`);
    },
  });
}
