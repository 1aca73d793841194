/**
 * Writes docs/models.md: what became of every .onnx in ../shared/models and ../shared/weights, and of the zoo.
 *
 *     node scripts/models.mjs      (after npm run build)
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { env, Tensor } from 'onnxruntime-node';
import { describeMachine, machineText } from '../bench/machine.mjs';
import { median, speedUp, turnsOf } from '../bench/turns.mjs';
import { difference, inputsOf, ran } from '../dist/channels/equivalence.test.fixture.js';
import { findChannels, maskChannels, shrink } from '../dist/channels/index.js';
import { manifest } from '../dist/channels/manifest.test.fixture.js';
import { halfOf, openModel } from '../dist/channels/models.test.fixture.js';
import { openMachine } from '../dist/engine/index.js';
import {
  agreesWithin,
  compare,
  modelFiles,
  modelName,
  ofFile,
} from '../dist/engine/onnxruntime.test.fixture.js';
import { serializeModel } from '../dist/onnx/index.js';

const ROUNDS = 5;
const facts = describeMachine();

const machine = await openMachine();
const rows = [];
let agreeing = 0;
let refused = 0;
for (const file of modelFiles()) {
  const outcome = await compare(machine, ofFile(file));
  process.stderr.write(`${modelName(file)}: ${JSON.stringify(outcome)}\n`);
  if ('refused' in outcome) {
    refused++;
    rows.push(`| \`${modelName(file)}\` | refused | ${outcome.refused} |`);
    continue;
  }
  const worst = outcome.outputs.reduce((a, b) => (share(b) > share(a) ? b : a));
  const all = outcome.outputs.every(agreesWithin);
  if (all) agreeing++;
  const verdict = all ? 'agrees' : '**differs**';
  rows.push(`| \`${modelName(file)}\` | ${verdict} | ${numbers(worst)}${noteOf(modelName(file), worst)} |`);
}
await machine.close();

function share({ difference, scale }) {
  return difference / (1e-4 * scale + 1e-6);
}

function numbers({ difference, scale }) {
  return `${difference.toExponential(1)} of ${scale.toPrecision(3)}`;
}

function noteOf(name, { uniform }) {
  if (uniform) return ', the same number everywhere, so this says little';
  if (name === 'mobilenetv2_int8_qdq') return '; see below';
  return '';
}

/** Every model as the manifest has it, with what is measured: how far masked and shrunk are apart, and latency. */
const groups = [];
const halves = [];
for (const [name, expected] of Object.entries(manifest)) {
  const [folder, plain] = name.split('/');
  const title = folder === 'zoo' ? `\`${plain}\` (zoo)` : `\`${plain}\``;
  if ('refused' in expected) {
    groups.push([title, 'refused', '', expected.refused]);
    continue;
  }
  const stays = Object.entries(expected.frozen).map(([reason, axes]) => `${axes} × ${reason}`);
  groups.push([title, expected.groups, expected.units, stays.join('; ')]);
  if (expected.groups > 0) halves.push([title, ...(await halved(name, expected))]);
  process.stderr.write(`${name}\n`);
}

/** What half of the units of every group saves. */
async function halved(name, { macs, params, bytes }) {
  const { graph, setting } = await openModel(name);
  const channels = findChannels(graph, setting);
  const half = shrink(graph, channels, halfOf(channels));
  const inputs = inputsOf(graph, setting);
  const masked = maskChannels(graph, channels, halfOf(channels));
  const far = difference(await ran(masked, inputs), await ran(half, inputs));
  const tensors = Object.entries(inputs).map(([input, { dtype, data, shape }]) => [
    input,
    new Tensor(dtype, data, shape),
  ]);
  const feeds = Object.fromEntries(tensors);
  const forms = [graph, half].map((form) => ({ bytes: serializeModel(form), feeds }));
  const { turns, disturbed } = await turnsOf(forms, { rounds: ROUNDS, duration: 60 });
  const latency = turns.map((times) => `${median(times).toPrecision(2)}`).join(' → ');
  return [
    ...[counted(macs), counted(params), counted(bytes), far.toExponential(0)],
    ...(disturbed > 0.5 ? ['–', '–'] : [`${latency} ms`, `${speedUp(...turns).toFixed(2)} ×`]),
  ];
}

/** '12.3 M → 3.21 M (26 %)' */
function counted([whole, half]) {
  const short = (n) =>
    n >= 1e9
      ? `${(n / 1e9).toPrecision(3)} G`
      : n >= 1e6
        ? `${(n / 1e6).toPrecision(3)} M`
        : `${(n / 1e3).toPrecision(3)} k`;
  return `${short(whole)} → ${short(half)} (${Math.round((100 * half) / whole)} %)`;
}

const page = new URL('../docs/models.md', import.meta.url);
/** The section that models-steps.mjs writes stays as it is. */
const [stepsSection] = /## From the file to the pruned file[\s\S]*?(?=## What can be removed)/.exec(
  readFileSync(page, 'utf8'),
) ?? [''];

const table = (titles, numbers, rows) =>
  [titles, titles.map((_, i) => (i >= numbers[0] && i < numbers[1] ? '---:' : '---')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');

writeFileSync(
  page,
  `# Real models

## Agreement with onnxruntime

This table compares every \`.onnx\` of the project's collection on the engine (${machine.description}) with onnxruntime with all its
optimisations. Two different random samples run in one batch on the engine; the second is compared. "Agrees" means
|Δ| ≤ 10⁻⁴ · max|onnxruntime| + 10⁻⁶ for every output. (The absolute part is there because onnxruntime's own sigmoid is off by
10⁻⁷, which matters to detectors whose scores are all near 0.) The numbers are the largest difference, and the largest
number, of the output that agrees least.

${agreeing} of ${rows.length} agree, ${refused} are refused with one sentence, ${rows.length - agreeing - refused} differs.

| model | | largest difference, or why not |
|---|---|---|
${rows.join('\n')}

\`mobilenetv2_int8_qdq\` rounds every activation to 8 bits, which is not continuous: the last bit of a floating-point sum decides to which of two
levels a sum half-way between them is rounded. Compared layer by layer with onnxruntime without optimisations (where it
also computes in float32), everything agrees to 10⁻⁵ up to the second convolution; there, 2 of 98,304 sums land on the
neighbouring level, and fifty layers of rounding spread that. With or without optimisations, the outputs then differ by the same
amount. The largest logit is the same.

${stepsSection}## What can be removed

This table shows the dependency groups of every model, including the zoo (at a quarter of its width, on images of 64×64). A unit is what must be
removed together: a channel in all layers that share it, a head, or a position within all heads. The last column counts the axes of weights that stay whole, by
reason; every such axis has one. Axes of pixels, words and results always stay.

${table(['model', 'groups', 'units', 'axes that stay, and why'], [1, 3], groups)}

## What half of the channels saves

Half of the units of every group, drawn at random, are removed. *Difference* is the largest difference between the outputs of the masked and the shrunk
network, relative to the largest output: both compute the same. Where the channels of a layer and of those before it
are halved, a quarter of its MACs, parameters and bytes remains; the first layer, the last layer and depth-wise layers keep more. Latency is
the median over ${ROUNDS} rounds of one sample in onnxruntime ${env.versions.node} with 2 threads, where both networks take turns; in small networks most of it is overhead of the
runtime. A dash means that other processes disturbed most of the turns, so no figure is given.
[Benchmarks](benchmarks.md) has latency against MACs at full size. Models whose file has no trained weights (\`light_…\`, the
zoo) have random weights.

${machineText(facts)}

${table(['model', 'MACs', 'parameters', 'bytes', 'difference', 'latency', 'speed-up'], [1, 7], halves)}

\`node scripts/models.mjs\` writes these tables. \`src/engine/models.test.ts\` checks the first table, and \`src/channels/models.test.ts\` checks the
others, except latency.
`,
);
