/** The results of calibration.mjs as Markdown. */

const percent = (x) => (x === undefined ? '–' : `${(100 * x).toFixed(2)}`);
const seconds = (x) => (x === undefined ? '–' : x.toFixed(x < 10 ? 1 : 0));

function table(titles, rows) {
  const rule = titles.map((_, i) => (i < 3 ? '---' : '---:'));
  return [titles, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** The results of one row, by step; right after the cut they may be those of other samples, where samples have no say. */
function resultsOf(lines, { net, method, target, samples }) {
  const find = (step) =>
    lines.find(
      (line) =>
        line.step === step &&
        line.net === net &&
        line.method === method &&
        line.target === target &&
        (line.samples === samples || line.samples === undefined),
    );
  return Object.fromEntries(
    ['cut', 'statistics', 'reconstructed', 'epoch'].map((step) => [step, find(step)]),
  );
}

const titlesOf = (kind) => [
  ...[kind === 'macs' ? 'MACs left' : 'sparsity', 'method', 'samples', 'right after it'],
  ...['statistics measured again', 'reconstructed', 'and one epoch'],
  ...['s to choose', 's to reconstruct', 's of the epoch'],
];

const cellsOf = ({ target, method, samples }, { cut, statistics, reconstructed, epoch }) => [
  ...[`${Math.round(100 * target)} %`, `\`${method}\``, String(samples)],
  ...[cut, statistics, reconstructed, epoch].map((step) => percent(step?.accuracy)),
  ...[cut, reconstructed, epoch].map((step) => seconds(step?.seconds)),
];

const byRow = (a, b) =>
  (a.kind === 'macs' ? b.target - a.target : a.target - b.target) ||
  a.samples - b.samples ||
  a.place - b.place;

/** @param lines those of calibration.jsonl; `wanted`: all rows that there are to be. */
export function calibrationTables(lines, wanted) {
  const rows = wanted.map((row, place) => ({ ...row, place, results: resultsOf(lines, row) }));
  const done = ({ results }) => results.reconstructed;
  const parts = [...new Set(wanted.map(({ net }) => net))].flatMap((net) =>
    ['macs', 'sparsity'].flatMap((kind) => {
      const some = rows.filter((row) => row.net === net && row.kind === kind && done(row)).sort(byRow);
      if (some.length === 0) return [];
      const whole = lines.find(({ step, net: of }) => step === 'whole' && of === net);
      const title = `### ${net.replace('resnet', 'ResNet-')}, ${percent(whole?.accuracy)} % as it was: ${kind === 'macs' ? 'channels' : 'single weights'}`;
      return [
        `${title}\n\n${table(
          titlesOf(kind),
          some.map((row) => cellsOf(row, row.results)),
        )}`,
      ];
    }),
  );
  const count = rows.filter(done).length;
  return `${parts.join('\n\n')}\n\n${count} of ${rows.length} rows are there${count < rows.length ? '; the command above goes on with the others, the most telling first' : ''}.`;
}
