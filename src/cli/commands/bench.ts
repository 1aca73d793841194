/** bench: latency side by side. */

import type { Command } from 'commander';
import { fail, large, percent } from '../../base/index.js';
import { type Bench, bench, benchSettings, modelSettings } from '../../runs/index.js';
import { define } from '../define.js';
import { modelOf } from '../model.js';
import { openProgress } from '../progress.js';
import { left, right, spare, table } from '../table.js';

export function addBench(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'bench',
    argument: '[MODEL...]',
    about: '.onnx or packed files, runs, or names of networks of the zoo',
    groups: { 'Measuring:': benchSettings, 'Model:': modelSettings },
    examples: [
      'bench runs/a/model.onnx runs/e/model.onnx',
      'bench runs/a/model.onnx --batch 32 --runs 200 --threads 1',
      'bench runs/e/model.onnx --runtimes espalier/runtime,onnxruntime-node',
    ],
    async run({ given, argument }, face) {
      const { model, ...options } = given;
      const named =
        argument.length > 0 ? argument : model ? [model] : fail('Name at least one model to measure.');
      const models = named.map((name) => modelOf([name]));
      const progress = openProgress(face);
      const result = await bench({
        ...options,
        models,
        signal: face.signal,
        onProgress: (done, runs) => progress.update(done, runs, `run ${done} of ${runs}`),
      }).finally(progress.stop);
      face.result(result, describe(result));
    },
  });
}

function describe({ threads, runs, results, notes }: Bench): string {
  const rows = results.map(
    ({ model, runtime, batch, median, interval: [low, high], speed, sparsity, macs }) => [
      model,
      runtime,
      String(batch),
      `${median.toFixed(3)} ms`,
      `${low.toFixed(3)} – ${high.toFixed(3)}`,
      `${speed.toFixed(2)} ×`,
      percent(sparsity),
      large(macs),
    ],
  );
  const titles = [
    left('model'),
    left('runtime'),
    right('batch'),
    right('median'),
    spare('95 % interval'),
    right('speed'),
    spare('sparsity'),
    spare('MACs'),
  ];
  const versions = new Map(results.map(({ runtime, version }) => [runtime, version]));
  const list = [...versions].map(([runtime, version]) => `${runtime} (${version})`).join(', ');
  const about = `${threads} thread${threads > 1 ? 's' : ''} each, ${runs} runs in turns: ${list}. Speeds are relative to the first row.`;
  return [table(titles, rows), about, ...notes].join('\n\n');
}
