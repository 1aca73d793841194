/** eval: accuracy and loss. */

import type { Command } from 'commander';
import { count, duration, fail, percent } from '../../base/index.js';
import { inMetric } from '../../report/index.js';
import { dataSettings, evaluateModel, modelSettings } from '../../runs/index.js';
import { define } from '../define.js';
import { modelOf } from '../model.js';
import { openProgress } from '../progress.js';
import { left, right, table } from '../table.js';

export function addEval(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'eval',
    argument: '[MODEL]',
    about: 'an .onnx file or a run',
    groups: { 'Data:': dataSettings, 'Model:': modelSettings },
    common: ['data', 'teacher', 'batch', 'threads', 'engine'],
    examples: [
      'eval runs/a/model.onnx --data digits',
      'eval runs/j/model.onnx --data npz:frames.npz --teacher detector.onnx',
      'eval mine.onnx --data images:./photos --normalize 0.5/0.5 --json',
    ],
    async run({ given, argument }, face) {
      const model = modelOf(argument, given);
      const data = given.data ?? fail('The data are missing: give --data, such as --data digits.');
      const progress = openProgress(face);
      const result = await evaluateModel({
        ...given,
        model,
        data,
        signal: face.signal,
        onNote: progress.line,
        onProgress: (done, total) =>
          progress.update(done, total, `${count(done)} of ${count(total)} samples`),
      }).finally(progress.stop);
      const { accuracy, top5, objective, metrics = {}, loss, count: images, seconds } = result;
      const rows = [
        ...(accuracy === undefined ? [] : [['accuracy', percent(accuracy)]]),
        ...(objective?.metrics ?? []).map((metric) => [metric.title, inMetric(metric, metrics[metric.name])]),
        ...(top5 === undefined ? [] : [['top 5', percent(top5)]]),
        ['loss', loss.toFixed(4)],
        ['samples', count(images)],
        ['time', duration(seconds)],
      ];
      const text = [table([left(''), right('')], rows), ...result.notes];
      face.result({ model, data, ...result }, text.join('\n\n'));
    },
  });
}
