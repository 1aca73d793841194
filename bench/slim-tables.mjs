/** The results of slim.mjs as Markdown. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const percent = (x) => (x === undefined ? '–' : `${(100 * x).toFixed(2)} %`);
const large = (n) =>
  n >= 1e9
    ? `${(n / 1e9).toPrecision(3)} G`
    : n >= 1e6
      ? `${(n / 1e6).toPrecision(3)} M`
      : `${(n / 1e3).toPrecision(3)} k`;
const kilobytes = (n) => (n >= 1e6 ? `${(n / 1e6).toFixed(2)} MB` : `${(n / 1e3).toFixed(0)} kB`);
const mean = (values) => values.reduce((sum, x) => sum + x, 0) / values.length;

/** Sample standard deviation. */
const deviation = (values) => {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, x) => sum + (x - middle) ** 2, 0) / (values.length - 1));
};

const meanAndDeviation = (values) =>
  values.length > 1
    ? `${(100 * mean(values)).toFixed(2)} ± ${(100 * deviation(values)).toFixed(2)} %`
    : percent(values[0]);

function table(titles, rows) {
  const rule = titles.map((_, i) => (i === 0 ? '---' : '---:'));
  return [titles, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Results by row, in the order in which rows come first. */
function rowsOf(results, part) {
  const rows = new Map();
  for (const result of results)
    if (result.part === part) rows.set(result.row, [...(rows.get(result.row) ?? []), result]);
  return [...rows];
}

const oneOf = (results, pick) => [...new Set(results.map(pick))].join(', ');
const minutes = (results) => `${(mean(results.map(({ seconds }) => seconds)) / 60).toFixed(1)} min`;

function withData(results, part) {
  const rows = rowsOf(results, part).map(([row, some]) => {
    const last = (pick) => some.map(pick);
    const cut = some[0].summary.stages?.filter(({ what }) => what !== 'trained').at(-1)?.accuracy;
    return [
      row,
      String(some.length),
      percent(some[0].summary.accuracy.before),
      percent(cut),
      meanAndDeviation(last(({ summary }) => summary.accuracy.after)),
      oneOf(some, ({ recipe }) => recipe.epochs),
      oneOf(some, ({ recipe }) => recipe.lr),
      `${large(some[0].summary.macs.before)} → ${large(some[0].summary.macs.after)}`,
      percent(some[0].summary.sparsity.after),
      latencyOf(some[0].summary),
      minutes(some.filter(({ resumed }) => !resumed).length ? some.filter(({ resumed }) => !resumed) : some),
    ];
  });
  const titles = [
    'command',
    'seeds',
    'before',
    'right after the cut',
    'test accuracy',
    'epochs',
    'rate',
    'MACs',
    'sparsity',
    'latency',
    'time',
  ];
  return table(titles, rows);
}

const latencyOf = ({ latency }) =>
  latency ? `${latency.before.toPrecision(3)} → ${latency.after.toPrecision(3)} ms` : '–';

/** One row a model, with the output that is farthest from the original's. */
function withoutData(results) {
  const rows = rowsOf(results, 'models').map(([row, [{ summary, recipe, seconds }]]) => {
    const answers = (summary.answers ?? []).toSorted((a, b) => (a.cosine ?? 1) - (b.cosine ?? 1));
    const [{ output = '–', error, cosine, agreement } = {}] = answers;
    return [
      row,
      recipe.sparsity ? `sparsity ${recipe.sparsity}` : `${recipe.macs} of MACs`,
      `${large(summary.macs.before)} → ${large(summary.macs.after)}`,
      `${kilobytes(summary.bytes.raw.before)} → ${kilobytes(summary.bytes.raw.after)}`,
      latencyOf(summary),
      `${output}, worst of ${answers.length}`,
      percent(error),
      cosine === undefined ? '–' : cosine.toFixed(3),
      percent(agreement),
      `${Math.round(seconds)} s`,
    ];
  });
  const titles = [
    ...['model', 'target', 'MACs', 'file', 'latency', 'output'],
    ...['relative error', 'cosine', 'same decision', 'time'],
  ];
  return table(titles, rows);
}

/** The tables of what is in a folder of results, and the results themselves. */
export function slimTables(folder) {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];
  const lines = names.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
  const order = (a, b) => a.part.localeCompare(b.part) || a.row.localeCompare(b.row) || a.seed - b.seed;
  lines.sort(order);
  const parts = [
    ['photos', '### 550 photos, ResNet-20', withData],
    ['cifar', '### CIFAR-10, published weights', withData],
    ['models', '### Models of others, without data', withoutData],
  ];
  const commits = [...new Set(lines.map(({ commit }) => commit))].join(', ');
  const text = parts
    .filter(([part]) => lines.some((line) => line.part === part))
    .map(([part, title, make]) => `${title}\n\n${make(lines, part)}`)
    .join('\n\n');
  return {
    text: `${text}\n\nCommit ${commits}; every run is a line of [logs/slim.jsonl](logs/slim.jsonl).`,
    lines,
  };
}
