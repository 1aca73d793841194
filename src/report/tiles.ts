/** The few figures that a reader looks for first. */

import { bytes, capital, large } from '../base/index.js';
import type { Change, Summary } from '../runs/index.js';
import { headline } from './figures.js';
import { html } from './page.js';
import { inMetric } from './words.js';

interface Tile {
  name: string;
  change: Change;
  say: (n: number) => string;
}

export function tiles(summary: Summary): string {
  const measured = headline(summary);
  const { sparsity, channels, params, nonzero, macs, effectiveMacs, latency, bytes: size } = summary;
  const sparse = !channels && sparsity.after > 0;
  const all: (Tile | undefined)[] = [
    measured && {
      name: capital(measured.metric.title),
      change: measured.change,
      say: (value) => inMetric(measured.metric, value),
    },
    sparse
      ? { name: 'Non-zero parameters', change: nonzero, say: large }
      : { name: 'Parameters', change: params, say: large },
    sparse
      ? { name: 'MACs not by zero', change: effectiveMacs, say: large }
      : { name: 'MACs', change: macs, say: large },
    sparse
      ? { name: 'File, gzipped', change: size.gzip, say: bytes }
      : { name: 'File', change: size.raw, say: bytes },
    latency && { name: 'Latency', change: latency, say: (ms) => `${ms.toPrecision(3)} ms` },
  ];
  return `<dl class="tiles">${all
    .filter((one) => one !== undefined)
    .map(tile)
    .join('')}</dl>`;
}

const tile = ({ name, change: { before, after }, say }: Tile): string =>
  `<div><dt>${html(name)}</dt><dd>${say(after)}${before === undefined || before === after ? '' : `<small>was ${say(before)}</small>`}</dd></div>`;
