/** The report of a run: one page, complete in itself, made from what the run folder holds. */
import { readFile } from 'node:fs/promises';
import { capital, count, duration, fail, percent, reason, writeAtomically } from '../base/index.js';
import { ACCURACY, type Figures, metricIn } from '../objectives/index.js';
import {
  byReason,
  type MetricsLine,
  type Recipe,
  type RunFolder,
  type Summary,
  stagesOf,
} from '../runs/index.js';
import {
  type Distribution,
  drawBars,
  drawCurves,
  drawDistributions,
  drawOrdered,
  drawOverTime,
  ORDER,
  type Point,
} from './charts.js';
import { classTables } from './classes.js';
import { repeatCommand } from './command.js';
import { headline, heldAtOne, roundedTo, rows } from './figures.js';
import { nextSteps } from './next.js';
import { chart, charts, commandBlock, html, page } from './page.js';
import {
  groupTable,
  keptChart,
  networkChart,
  sensitivityChart,
  stageTable,
  wholeTable,
} from './structured.js';
import { table, unfolding } from './table.js';
import { tiles } from './tiles.js';
import { verdictOf } from './verdict.js';
import { figureText, inMetric } from './words.js';

type Epoch = Extract<MetricsLine, { kind: 'epoch' }>;
type Masks = Extract<MetricsLine, { kind: 'masks' }>;

/** Makes report.html in the folder of a finished run. @throws UserError when a file cannot be read or written. */
export async function writeReport(folder: RunFolder): Promise<void> {
  const [summary, metrics, recipe] = await Promise.all(
    [folder.summary, folder.metrics, folder.recipe].map((path) =>
      readFile(path, 'utf8').catch((error) =>
        fail(`Cannot make a report without ${path}: ${reason(error)}.`),
      ),
    ),
  );
  const lines = metrics
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  await writeAtomically(folder.report, renderReport(JSON.parse(summary), lines, JSON.parse(recipe)));
}

/** The page as HTML. */
export function renderReport(summary: Summary, metrics: readonly MetricsLine[], recipe: Recipe): string {
  const epochs = metrics.filter((line): line is Epoch => line.kind === 'epoch');
  const masks = metrics.filter((line): line is Masks => line.kind === 'masks');
  const { method, channels } = summary;
  const stages = stagesOf(summary);
  const title = `${nameOf(summary.model)}${method ? ` pruned by ${method}` : ''} on ${summary.data}`;
  return page({
    title,
    lead: `<p class="lead">${lead(summary)}</p>${warning(summary)}${tiles(summary)}`,
    sections: [
      { title: 'Before and after', body: figures(summary) + notes(summary), side: 'left' },
      { title: 'What to do next', body: nextSteps(summary), side: 'right' },
      { title: 'Repeat this run', body: repeat(recipe), side: 'right' },
      { title: 'Stages', body: stages.length > 0 ? stageTable(stages) : '' },
      { title: 'Charts', body: charts(drawings(summary, epochs, masks)) },
      { title: 'Accuracy per class', body: classTables(summary) },
      { title: 'Channels', body: channels ? groupTable(channels.groups) : '' },
      { title: 'What stays whole, and why', body: channels ? wholeTable(channels.frozen) : '' },
      { title: 'Prunable weights', body: layerTable(summary) },
      { title: 'What is not pruned, and why', body: unprunedTable(summary) },
    ],
  });
}

const nameOf = (model: string): string => model.split(/[\\/]/).slice(-2).join('/');

function lead(summary: Summary): string {
  const { accuracy, sparsity, channels, macs, epochs, seed, seconds, engine } = summary;
  const measured = headline(summary);
  const units = channels?.units;
  const result = accuracy
    ? `The model classifies ${percent(accuracy.after)} of the test samples correctly${epochs ? ` after ${count(epochs)} ${epochs === 1 ? 'epoch' : 'epochs'}` : ''}.`
    : measured
      ? `The ${measured.metric.title} is ${inMetric(measured.metric, measured.change.after)} on the test samples.`
      : 'The model was pruned one-shot, without data.';
  const left = units
    ? `It has ${count(units.after)} of ${count(units.before ?? 0)} channels and ${percent(macs.after / (macs.before || 1))} of the MACs.`
    : sparsity.after > 0
      ? `${percent(sparsity.after)} of its prunable weights are zero.`
      : '';
  const how = `Seed ${seed}${measured ? `, ${duration(seconds)}` : ''}, engine ${html(engine)}.`;
  return [result, left, how].filter(Boolean).join(' ');
}

function warning(summary: Summary): string {
  const verdict = verdictOf(summary);
  return verdict ? `<p class="warning"><strong>Note.</strong> ${html(verdict)}</p>` : '';
}

const repeat = (recipe: Recipe): string =>
  `<p>The same command gives the same model, with the same version of espalier and the same engine. Run it in the folder of this report, or give another place with <code>--out</code>.</p>
${commandBlock(repeatCommand(recipe))}
<details><summary>Every setting of the run (recipe.json)</summary><pre tabindex="0" role="region" aria-label="Recipe">${html(JSON.stringify(recipe, null, 2))}</pre></details>`;

function drawings(summary: Summary, epochs: readonly Epoch[], masks: readonly Masks[]): string[] {
  const pruned = summary.sparsity.after > 0;
  const { channels } = summary;
  const { metric } = headline(summary) ?? { metric: ACCURACY };
  return [
    ...(epochs.length > 0
      ? [
          chart(
            'Loss',
            drawCurves({
              points: epochPoints(epochs, ({ loss }) => loss),
              x: 'epoch',
              y: metric.name === 'accuracy' ? 'nats per sample' : 'per sample',
            }),
          ),
          chart(
            capital(metric.title),
            drawCurves({
              points: epochPoints(epochs, (figures) => metricIn(figures, metric)),
              x: 'epoch',
              y: metric.percent ? '%' : metric.title,
              percent: metric.percent,
            }),
          ),
        ]
      : []),
    ...(channels ? [keptChart(channels.groups), networkChart(channels.layers)] : []),
    channels?.sensitivity?.length ? sensitivityChart(channels.sensitivity) : '',
    masks.length > 1 ? chart('Sparsity, asked for and achieved', drawCurves(sparsityCurves(masks))) : '',
    ...learntCharts(summary, masks),
    chart(
      'Weights that are not zero',
      drawDistributions(weightDistributions(summary), 'weight'),
      'Of the prunable weights; the outermost bars hold what lies beyond.',
    ),
    pruned ? chart('Density per layer', drawBars(densityBars(summary), 'weights kept, %')) : '',
  ].filter(Boolean);
}

/** What learnt masks tell of themselves. */
function learntCharts({ prunable }: Summary, masks: readonly Masks[]): string[] {
  const moments = masks.flatMap(({ iteration, probabilities }) =>
    probabilities ? [{ x: iteration, counts: probabilities }] : [],
  );
  const thresholds = masks.flatMap(({ iteration, thresholds: learnt = [] }) =>
    learnt.map((s, l) => ({
      x: iteration,
      y: 1 / (1 + Math.exp(-s)),
      series: prunable.layers[l]?.name ?? String(l),
    })),
  );
  return [
    moments.length > 1
      ? chart(
          'Probabilities of being kept',
          drawOverTime(moments, { x: 'iteration', y: 'probability' }),
          'The fuller the colour, the more weights have that probability.',
        )
      : '',
    thresholds.length
      ? chart(
          'Thresholds per layer',
          drawOrdered({ points: thresholds, x: 'iteration', y: 'magnitude below which weights are 0' }),
          ORDER,
        )
      : '',
  ];
}

function weightDistributions({ weights }: Summary): Distribution[] {
  return (['before', 'after'] as const).map((when) => {
    const { limit, counts } = weights[when];
    const all = counts.reduce((sum, n) => sum + n, 0);
    return { name: `${when} (${count(all)})`, low: -limit, high: limit, counts };
  });
}

/** Epochs of all stages, one after the other. */
function epochPoints(epochs: readonly Epoch[], of: (figures: Figures) => number): Point[] {
  return epochs.flatMap((line, i) =>
    (
      [
        ['training', line],
        ['validation', line.validation],
        ['test', line.test],
      ] as const
    ).flatMap(([series, figures]) => {
      const y = figures ? of(figures) : Number.NaN;
      return Number.isNaN(y) ? [] : [{ x: i + 1, y, series }];
    }),
  );
}

function sparsityCurves(masks: readonly Masks[]) {
  const asked = masks.flatMap(({ iteration, scheduled }) =>
    scheduled === undefined ? [] : [{ x: iteration, y: 1 - scheduled, series: 'scheduled' }],
  );
  const reached = masks.map(({ iteration, sparsity }) => ({ x: iteration, y: sparsity, series: 'achieved' }));
  return { points: [...asked, ...reached], x: 'iteration', y: '%', percent: true, steps: ['achieved'] };
}

const densityBars = ({ prunable }: Summary) =>
  prunable.layers.map(({ name, density, spared }) => ({
    name,
    value: density,
    group: spared ? 'spared' : 'prunable',
  }));

const figures = (summary: Summary): string =>
  table({
    caption: 'Figures before and after the run, and what was asked for',
    columns: ['', 'before', 'after', 'target'],
    rows: rows(summary).map(({ what, before, after, target }) => [what, before, after, target]),
  });

function checkedBy({ by, samples, error, compared, unchecked }: Summary['export']['check']): string {
  if (!by)
    return unchecked
      ? `Not checked: ${html(unchecked)}.`
      : 'Not checked: neither onnxruntime-node nor onnxruntime-web is installed here.';
  const loads = `Checked: ${html(by)} loads model.onnx and`;
  const runs = `${loads} runs it on ${samples} samples; espalier cannot compute the model itself`;
  if (typeof error !== 'number') return `${runs}.`;
  const within = `to ${error.toExponential(1)} of the largest answer`;
  return compared
    ? `${runs}, but as far as ${html(compared.join(', '))}, where both agree ${within}.`
    : `${loads} agrees with the engine on ${samples} samples ${within}.`;
}

function notes(summary: Summary): string {
  const { channels, prunable, deadUnits, sparsity, best, engines, notes: ofData = [] } = summary;
  const { flushed, check, narrow } = summary.export;
  const lines = [
    ...ofData.map(html),
    engines
      ? `The run was computed on ${engines.map(html).join(', then on ')}: its numbers differ in their last bits from those of a run on one engine.`
      : '',
    checkedBy(check),
    channels?.error !== undefined
      ? `When channels were taken out, the network computed what it did with them at zero, to ${channels.error.toExponential(1)} of the largest answer.`
      : '',
    channels?.unfolded
      ? 'BatchNorm, which the model had folded into its layers, was put back for the run and folded away again.'
      : '',
    prunable.emptied.length
      ? `Emptied layers, none of whose weights is left: ${prunable.emptied.map(html).join(', ')}.`
      : '',
    prunable.held ? html(heldAtOne(prunable.held)) : '',
    deadUnits.after
      ? `${count(deadUnits.after)} of ${count(deadUnits.of)} units are dead: the input does not reach them, or they reach no output.`
      : '',
    flushed ? `${count(flushed)} sub-normal weights were made 0.` : '',
    roundedTo(narrow),
    sparsity.after > 0
      ? 'Zeros make the gzipped file smaller, and a runtime that skips them faster; a dense runtime takes as long as before.'
      : '',
    best
      ? `On the validation samples epoch ${best.epoch} was best (${figureText(best)}); the figures above are the last epoch’s.`
      : '',
  ];
  return lines
    .filter(Boolean)
    .map((line) => `<p>${line}</p>`)
    .join('');
}

function layerTable({ prunable, sparsityWithBiases }: Summary): string {
  const rows = prunable.layers.map(({ name, op, shape, size, kept, density, units, dead, spared }) => [
    html(name),
    html(op),
    shape.join('×'),
    count(size),
    count(kept),
    percent(density),
    dead ? `${count(dead)} of ${count(units ?? 0)}` : '',
    html(spared ?? ''),
  ]);
  const names = ['weight', 'operator', 'shape', 'elements', 'kept', 'density', 'dead units'];
  return `<p>Sparsity is counted over these ${count(prunable.count)} weights. If the biases, which are never pruned, are counted too, it is ${percent(sparsityWithBiases.after)}.</p>
${table({ caption: 'Prunable weights', columns: [...names, { title: 'why it was spared', words: true }], rows })}`;
}

function unprunedTable({ unpruned }: Summary): string {
  if (unpruned.length === 0) return '<p>Every learnt tensor is in the table above.</p>';
  return table({
    caption: 'Tensors that are not pruned, by reason',
    columns: [{ title: 'reason', words: true }, 'elements', { title: 'tensors', words: true }],
    rows: byReason(unpruned).map(({ reason: why, names, size }) => [
      html(why),
      count(size),
      unfolding(count(names.length), names),
    ]),
  });
}
