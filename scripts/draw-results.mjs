/**
 * Draws the figures of docs/results from the logs there: `node scripts/draw-results.mjs NAME…`, where docs/results/logs/NAME.jsonl is the
 * study.jsonl of studies/NAME.yaml. Each chart becomes docs/results/figures/NAME-….svg.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { drawStudy } from '../dist/report/study/chart.js';
import { picture } from '../dist/report/study/index.js';
import { readStudy, summarizeStudy } from '../dist/runs/index.js';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

const names = process.argv.slice(2);
if (names.length === 0) {
  process.stderr.write('Name the studies to draw, such as probmask.\n');
  process.exit(1);
}
mkdirSync(at('docs/results/figures'), { recursive: true });
for (const name of names) {
  const [, ...lines] = readFileSync(at(`docs/results/logs/${name}.jsonl`), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const result = summarizeStudy(await readStudy(at(`studies/${name}.yaml`)), lines);
  for (const chart of drawStudy(result)) {
    const path = `docs/results/figures/${name}-${chart.name}.svg`;
    writeFileSync(at(path), picture(chart.drawing));
    process.stdout.write(`${path}\n`);
  }
}
