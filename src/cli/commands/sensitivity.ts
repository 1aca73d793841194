/** sensitivity: how accuracy falls when one group of channels is thinned at a time. */

import type { Command } from 'commander';
import { capital, fail } from '../../base/index.js';
import { inMetric, writeSensitivity } from '../../report/index.js';
import {
  dataSettings,
  type MeasuredSensitivity,
  measureSensitivity,
  modelSettings,
  sensitivitySettings,
} from '../../runs/index.js';
import { define } from '../define.js';
import { modelOf } from '../model.js';
import { openProgress } from '../progress.js';
import { left, right, table } from '../table.js';

export function addSensitivity(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'sensitivity',
    argument: '[MODEL]',
    about: 'an .onnx file, a run or the name of a network of the zoo',
    groups: { 'Data:': dataSettings, 'Channels:': sensitivitySettings, 'Model:': modelSettings },
    out: 'folder for sensitivity.json and sensitivity.html',
    examples: [
      'sensitivity runs/a/model.onnx --data digits',
      'sensitivity mine.onnx --data cifar10 --densities 0.75,0.5,0.25 --out thin',
    ],
    async run({ given, argument, out }, face) {
      const model = modelOf(argument, given);
      const data = given.data ?? fail('The data are missing: give --data, such as --data digits.');
      const progress = openProgress(face);
      const result = await measureSensitivity({
        ...{ ...given, model, data, signal: face.signal },
        onProgress: (done, all) => progress.update(done, all, `${done} of ${all} networks measured`),
        onNote: progress.line,
      }).finally(progress.stop);
      if (out) await writeSensitivity(out, result);
      face.result(result, describe(result));
    },
  });
}

function describe({ metric, whole, rows, densities, images, test }: MeasuredSensitivity): string {
  const groups = [...new Set(rows.map(({ group }) => group))];
  const wanted = [...densities].sort((a, b) => b - a);
  const nearest = (density: number) =>
    wanted.reduce((best, next) => (Math.abs(next - density) < Math.abs(best - density) ? next : best));
  const cells = groups.map((group) => {
    const own = rows.filter((row) => row.group === group);
    const at = new Map(own.map(({ density, value }) => [nearest(density), inMetric(metric, value, 1)]));
    return [group, String(own[0].units), ...wanted.map((density) => at.get(density) ?? '')];
  });
  const titles = [left('channels of'), right('number'), ...wanted.map(String).map(right)];
  return `${table(titles, cells)}\n\n${capital(metric.title)} on ${images} ${test ? 'test' : 'training'} samples with that part of the group kept and all others whole; ${inMetric(metric, whole, 1)} with nothing removed.`;
}
