/** profile: where the time goes. */
import type { Command } from 'commander';
import { capital, large, percent } from '../../base/index.js';
import {
  modelSettings,
  type Profile,
  type ProfileRow,
  profileModel,
  profileSettings,
} from '../../runs/index.js';
import { define } from '../define.js';
import { modelOf } from '../model.js';
import { openProgress } from '../progress.js';
import { left, right, spare, table } from '../table.js';

export function addProfile(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'profile',
    argument: '[MODEL]',
    about: 'an .onnx or packed file, a run, or the name of a network of the zoo',
    groups: { 'Measuring:': profileSettings, 'Model:': modelSettings },
    examples: [
      'profile runs/e/model.onnx',
      'profile runs/e/model.onnx --batch 128',
      'profile resnet20 --train --sparsity 0.95',
    ],
    async run({ given, argument }, face) {
      const progress = openProgress(face);
      const result = await profileModel({
        ...given,
        model: modelOf(argument, given),
        signal: face.signal,
        onProgress: (done, runs) => progress.update(done, runs, `run ${done} of ${runs}`),
      }).finally(progress.stop);
      face.result(result, describe(result));
    },
  });
}

/** Layers that people are shown; the others are many and fast. */
const SHOWN = 25;

function describe(profile: Profile): string {
  const { what, runtime, machine, batch, runs, ms, kernels, layers, limits, sparsity } = profile;
  const about = `${what} of ${batch} sample${batch > 1 ? 's' : ''} on ${runtime} (${machine}): ${ms.toFixed(3)} ms, the mean of ${runs} runs; ${percent(sparsity)} of the prunable weights are zero.`;
  if (!limits)
    return `${capital(about)}\n\nThis GPU has no timestamp queries, so it does not tell how long its kernels take.`;
  const best = `The best that was seen here, of these kernels, a convolution that stays in the caches and a pass over main memory: ${limits.gigamacs.toFixed(1)} GMAC/s, ${limits.gigabytes.toFixed(1)} GB/s. A sparse kernel's MACs are those not by zero; bytes are those of the arrays that a kernel reads and writes, each once; what the caches hold can be read faster than main memory.`;
  const parts = [capital(about), rowsOf('kernel', kernels, what)];
  const slowest = layers.slice(0, SHOWN);
  if (slowest.length) parts.push(rowsOf('layer', slowest, what));
  const rest = layers.slice(SHOWN);
  const others = rest.reduce((sum, layer) => sum + layer.ms, 0);
  if (rest.length)
    parts.push(`${rest.length} more layers take ${others.toFixed(3)} ms together; --json names them all.`);
  return [...parts, best].join('\n\n');
}

function rowsOf(title: string, rows: readonly ProfileRow[], what: Profile['what']): string {
  const training = what === 'train step';
  const titles = [
    left(title),
    ...(title === 'layer' ? [left('operator')] : []),
    right('time'),
    ...(training ? [right('backward')] : []),
    ...['share', 'of the best'].map(right),
    ...['GMAC/s', 'GB/s', 'MACs', 'bytes'].map(spare),
  ];
  const cells = rows.map((row) => [
    row.name,
    ...(title === 'layer' ? [row.op ?? ''] : []),
    `${row.ms.toFixed(3)} ms`,
    ...(training ? [row.backward ? `${row.backward.toFixed(3)} ms` : ''] : []),
    percent(row.share, 1),
    row.best === undefined ? '' : percent(row.best, 0),
    row.gigamacs?.toFixed(1) ?? '',
    row.gigabytes?.toFixed(1) ?? '',
    row.macs ? large(row.macs) : '',
    row.bytes ? large(row.bytes) : '',
  ]);
  return table(titles, cells);
}
