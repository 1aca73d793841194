/** bench: latency side by side. */
import type { Command } from 'commander';
import { large, percent } from '../../report/index.js';
import { bench, misuse, modelSettings } from '../../runs/index.js';
import { define } from '../define.js';
import { openProgress } from '../progress.js';
import { left, right, table } from '../table.js';

export function addBench(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'bench',
    argument: '[MODEL...]',
    about: '.onnx files or names of networks of the zoo',
    summary: 'latency of models side by side, on the runtimes that are there',
    groups: { 'Model:': modelSettings },
    examples: [
      'bench runs/a/model.onnx runs/e/model.onnx',
      'bench runs/a/model.onnx --batch 32 --runs 200 --threads 1',
    ],
    async run({ given, argument }, face) {
      const { model, ...options } = given;
      const models =
        argument.length > 0 ? argument : model ? [model] : misuse('Name at least one model to measure.');
      const progress = openProgress(face);
      const result = await bench({
        ...options,
        models,
        signal: face.signal,
        onProgress: (done, runs) => progress.update(done, runs, `run ${done} of ${runs}`),
      }).finally(progress.stop);
      const rows = result.results.map(
        ({ model: name, runtime, batch, median, interval: [low, high], sparsity, macs }) => [
          name,
          runtime,
          String(batch),
          `${median.toFixed(3)} ms`,
          `${low.toFixed(3)} – ${high.toFixed(3)}`,
          percent(sparsity),
          large(macs),
        ],
      );
      const titles = [
        left('model'),
        left('runtime'),
        right('batch'),
        right('median'),
        right('95 % interval'),
        right('sparsity'),
        right('MACs'),
      ];
      face.result(result, [table(titles, rows), ...result.notes].join('\n\n'));
    },
  });
}
