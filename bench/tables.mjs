/** The figures of train-step.mjs as Markdown, and the place in a page where they belong. */
import { readFileSync, writeFileSync } from 'node:fs';
import { machineText } from './machine.mjs';

/** Kernels by what a person calls them; the rest of the time is pooling, the loss, the update and what is between programs. */
const KINDS = {
  convolutions: [
    ...['conv', 'conv_pack', 'conv_weight', 'conv_sparse', 'conv_weight_sparse', 'sum_parts'],
    ...['winograd', 'winograd_pack', 'winograd_weight', 'winograd_weight_sum'],
  ],
  'element-wise': ['map', 'normalize', 'normalize_input', 'fill'],
  waiting: ['wait'],
};

const milliseconds = (ms) => `${ms < 100 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
const megabytes = (bytes) => (bytes === undefined ? '–' : `${(bytes / 1e6).toFixed(0)} MB`);
const percent = (part) => `${(100 * part).toFixed(0)} %`;
const times = (factor) => `${factor.toFixed(2)} ×`;

function table(titles, rows) {
  const rule = titles.map((_, i) => (i < 2 ? '---' : '---:'));
  return [titles, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const bestOf = (contenders) =>
  Math.min(...contenders.filter((c) => c.kind === 'pytorch' && !c.absent).map((c) => c.median));

function speeds(results) {
  const rows = results.flatMap(({ net, contenders }) =>
    contenders.map((c) => {
      if (c.absent) return [net, c.name, 'not there', '', '', '', ''];
      const best = bestOf(contenders);
      const span = `${milliseconds(Math.min(...c.times))} – ${milliseconds(Math.max(...c.times))}`;
      const ratio = Number.isFinite(best) ? times(best / c.median) : '–';
      return [
        net,
        c.name,
        milliseconds(c.median),
        span,
        String(c.times.length),
        ratio,
        megabytes(c.peakResident),
      ];
    }),
  );
  const titles = [
    'network',
    'contender',
    'step, median',
    'fastest – slowest',
    'steps',
    'speed / best PyTorch',
    'resident, peak',
  ];
  return table(titles, rows);
}

/** Where the time of the threads went: shares of threads × wall time of the measured steps. */
function shares({ profile, times: steps, threads }) {
  const all = steps.reduce((a, b) => a + b) * 1e6 * threads;
  const parts = Object.entries(KINDS).map(([kind, kernels]) => [
    kind,
    kernels.reduce((sum, kernel) => sum + (profile[kernel] ?? 0), 0) / all,
  ]);
  return Object.fromEntries([...parts, ['rest', 1 - parts.reduce((sum, [, part]) => sum + part, 0)]]);
}

function insides(results) {
  const rows = results.flatMap(({ net, batch, contenders }) =>
    contenders
      .filter((c) => c.profile)
      .map((c) => {
        const one = contenders.find(
          (other) =>
            other.kind === c.kind && other.sparsity === c.sparsity && other.threads === 1 && !other.absent,
        );
        const scaling = one && c.threads > 1 ? times(one.median / c.median) : '–';
        const split = c.microBatch < batch ? ` (${c.microBatch} at a time)` : '';
        const parts = Object.values(shares(c)).map(percent);
        return [net, c.name, ...parts, scaling, megabytes(c.peakBytes) + split];
      }),
  );
  const titles = [
    'network',
    'contender',
    ...Object.keys(KINDS),
    'rest',
    '1 → 2 threads',
    'activations, peak',
  ];
  return table(titles, rows);
}

export function markdown({ machine, batch, results }) {
  const versions = new Set(
    results.flatMap(({ contenders }) => contenders.filter((c) => !c.absent).map((c) => c.version)),
  );
  return `${machineText(machine)} Contenders: ${[...versions].join('; ')}. Batch ${batch}, images of 3×32×32.

${speeds(results)}

${insides(results)}
`;
}

/** Puts a text between the two comments `<!-- name -->` and `<!-- /name -->` of a page. */
export function writeInto(page, name, text) {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const before = readFileSync(page, 'utf8');
  const [from, to] = [before.indexOf(open), before.indexOf(close)];
  if (from < 0 || to < from) throw new Error(`${page.pathname} has no place between ${open} and ${close}`);
  writeFileSync(page, `${before.slice(0, from + open.length)}\n${text.trim()}\n${before.slice(to)}`);
}
