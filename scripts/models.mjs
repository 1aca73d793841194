/**
 * Writes docs/models.md: what became of every .onnx in ../shared/models and ../shared/weights.
 *
 *     node scripts/models.mjs      (after npm run build)
 */
import { writeFileSync } from 'node:fs';
import { openMachine } from '../dist/engine/index.js';
import { agreesWithin, compare, modelFiles, modelName } from '../dist/engine/onnxruntime.test.fixture.js';

const machine = await openMachine();
const rows = [];
let agreeing = 0;
let refused = 0;
for (const file of modelFiles()) {
  const outcome = await compare(machine, file);
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

writeFileSync(
  new URL('../docs/models.md', import.meta.url),
  `# Real models

Every \`.onnx\` of the project's collection, on the engine (${machine.description}) and in onnxruntime with all its
optimisations. Two different random samples run side by side on the engine; the second is compared. "Agrees" means
|Δ| ≤ 10⁻⁴ · max|onnxruntime| + 10⁻⁶ for every output. (The absolute part is there because onnxruntime's own sigmoid is off by
10⁻⁷, which matters to detectors whose scores are all near 0.) The numbers are the largest difference, and the largest
number, of the output that agrees least.

${agreeing} of ${rows.length} agree, ${refused} are refused in a sentence, ${rows.length - agreeing - refused} differs.

| model | | largest difference, or why not |
|---|---|---|
${rows.join('\n')}

\`mobilenetv2_int8_qdq\` rounds every activation to 8 bits, which is not continuous: a sum half-way between two levels goes to
one or the other by the last bit of a floating-point sum. Layer by layer, beside onnxruntime without optimisations (where it
too computes in float32), everything agrees to 10⁻⁵ up to the second convolution; there, 2 of 98,304 sums land on the
neighbouring level, and fifty layers of rounding spread that. With or without optimisations, the outputs then differ by the same
amount. The largest logit is the same.

Written by \`node scripts/models.mjs\`; \`src/engine/models.test.ts\` holds it.
`,
);
