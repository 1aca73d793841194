/**
 * `espalier watch` with many long runs: how long the first look at the folders takes, when the page is painted, and how much
 * memory the server and the page hold.
 *
 *     node bench/watch.mjs [--runs 200] [--epochs 300]      after npm run build
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findChromium, openChromium } from '../dist/runtime/chromium.test.fixture.js';
import { watch } from '../dist/watch/index.js';

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '200' }, epochs: { type: 'string', default: '300' } },
});
const [runs, epochs] = [Number(values.runs), Number(values.epochs)];
const LAYERS = 55;
const UPDATES = 50;

const lines = (values) => values.map((value) => `${JSON.stringify(value)}\n`).join('');

function metrics(seed) {
  const each = Array.from({ length: epochs }, (_, i) => ({
    kind: 'epoch',
    epoch: i + 1,
    loss: 1 / (i + 1 + seed),
    accuracy: 1 - 1 / (i + 2),
    test: { loss: 1.1 / (i + 1), accuracy: 0.95 - 1 / (i + 2), top5: 0.99 },
    learningRate: 0.1 * (1 - i / epochs),
    sparsity: 0.9,
    seconds: 12.5,
  }));
  const masks = Array.from({ length: UPDATES }, (_, i) => ({
    kind: 'masks',
    iteration: i,
    sparsity: (0.9 * i) / UPDATES,
    final: false,
    layers: Array.from({ length: LAYERS }, (_, k) => ({
      name: `layer${k}.conv.weight`,
      size: 9216,
      kept: 9216 - i * 100,
      density: 1 - (0.9 * i) / UPDATES,
    })),
  }));
  return lines([...each, ...masks]);
}

const folder = mkdtempSync(join(tmpdir(), 'espalier-bench-watch-'));
for (let run = 0; run < runs; run++) {
  const path = join(folder, `setting-${Math.floor(run / 5)}/seed-${run % 5}`);
  mkdirSync(path, { recursive: true });
  const recipe = {
    command: 'prune',
    model: 'resnet56',
    data: 'cifar10',
    method: 'gmp',
    epochs,
    seed: run % 5,
  };
  writeFileSync(join(path, 'recipe.json'), JSON.stringify(recipe));
  writeFileSync(join(path, 'metrics.jsonl'), metrics(run));
  const change = { before: 1, after: 0.1 };
  const summary = { accuracy: { after: 0.9 + run / 1e4 }, sparsity: change, macs: change };
  writeFileSync(join(path, 'summary.json'), JSON.stringify(summary));
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;
const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;
const start = performance.now();
const server = await watch({ folders: [folder], main: '' });
console.log(`${runs} runs of ${epochs} epochs`);
console.log(`first look at the folders   ${seconds(performance.now() - start)}`);
globalThis.gc?.();
console.log(`memory of the server        ${megabytes(process.memoryUsage().rss)}`);

const chromium = findChromium();
if (chromium) {
  const browser = await openChromium(chromium);
  const page = await browser.open(server.address);
  const appears = (selector, count) => `new Promise((resolve) => {
    const look = () => document.querySelectorAll('${selector}').length >= ${count} && resolve(performance.now());
    new MutationObserver(look).observe(document, { subtree: true, childList: true });
    look();
  })`;
  const heap = 'performance.memory.usedJSHeapSize';
  const table = await page.evaluate(appears('.runs tbody tr', runs));
  const paint = await page.evaluate(
    "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0",
  );
  console.log(`first paint                 ${seconds(paint)}`);
  console.log(`table complete              ${seconds(table)}`);
  console.log(`memory of the page          ${megabytes(await page.evaluate(heap))}`);
  const before = await page.evaluate(
    "document.querySelector('.runs thead input').click(), location.hash = '#/compare', performance.now()",
  );
  const after = await page.evaluate(appears('.plot canvas', 1));
  console.log(`all runs compared           ${seconds(after - before)}`);
  console.log(`memory of the page then     ${megabytes(await page.evaluate(heap))}`);
  await browser.close();
} else console.log('The page is not measured: there is no Chromium.');
await server.close();
rmSync(folder, { recursive: true });
