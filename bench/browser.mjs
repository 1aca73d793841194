/**
 * Latency of one sample in headless Chromium: espalier/runtime, from packed models, beside onnxruntime-web, dense and pruned, on
 * one thread and on several.
 *
 *     npm run build
 *     node bench/browser.mjs [--nets resnet20] [--sparsity 0,0.9,0.95,0.98] [--rounds 25] [--threads 2] [--json] [--write]
 *
 * onnxruntime-web's threads are a page's, so each number of threads has a page of its own, and pages take turns, too. Both are
 * isolated, for the clock's sake; espalier on one thread uses no shared memory there either. --write puts the table into
 * docs/benchmarks.md.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { buildNetwork } from '../dist/nn/index.js';
import { serializeModel } from '../dist/onnx/index.js';
import { spread } from '../dist/runs/bench.js';
import { findChromium, openChromium } from '../dist/runtime/chromium.test.fixture.js';
import { pack } from '../dist/runtime/index.js';
import { serve } from '../examples/browser/serve.mjs';
import { describeMachine, machineText } from './machine.mjs';
import { pruned } from './pruned.mjs';
import { writeInto } from './tables.mjs';

const { values: o } = parseArgs({
  options: {
    nets: { type: 'string', default: 'resnet20' },
    sparsity: { type: 'string', default: '0,0.9,0.95,0.98' },
    rounds: { type: 'string', default: '25' },
    threads: { type: 'string', default: String(availableParallelism()) },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const about = describeMachine();
const path = findChromium();
if (!path) throw new Error('Chromium is not there: apt-get install chromium');

const forms = [];
const files = {};
for (const net of o.nets.split(',')) {
  const dense = buildNetwork(net, { shape: [3, 32, 32], classes: 10, seed: 1 });
  for (const sparsity of o.sparsity.split(',').map(Number)) {
    const name = `${net}-${sparsity}`;
    const graph = pruned(dense, sparsity);
    files[`/${name}.onnx`] = serializeModel(graph);
    files[`/${name}.espk`] = await pack(graph);
    forms.push({ net, sparsity, name });
  }
}

/** In the page: gets the two ready. */
async function prepare({ name, threads }) {
  const script = '/contestants.js';
  const { anyInputs, difference, espalier, onnxruntime, race } = await import(script);
  const mine = await espalier(`${name}.espk`, { threads });
  const peer = await onnxruntime(`${name}.onnx`, mine.inputs, threads);
  const inputs = anyInputs(mine.inputs);
  const far = difference(await mine.run(inputs), await peer.run(inputs));
  if (!(far < 1e-4)) throw new Error(`${name}: outputs differ by ${far}`);
  globalThis.turns = (options) => race([mine, peer], inputs, options);
  globalThis.end = () => Promise.all([mine.close(), peer.close()]);
  return [mine.name, peer.name];
}

const server = await serve(files);
const browser = await openChromium(path);
const pages = [];
for (const threads of new Set([1, Number(o.threads)]))
  pages.push({ threads, page: await browser.open(`${server.address}contestants.js`) });
const rows = [];
for (const { net, sparsity, name } of forms) {
  const results = [];
  for (const { threads, page } of pages) {
    const names = await page.evaluate(`(${prepare})(${JSON.stringify({ name, threads })})`);
    results.push({ threads, page, names, times: [[], []] });
  }
  for (let round = -2; round < Number(o.rounds); round++)
    for (const { page, times } of results) {
      const turn = await page.evaluate('turns({ warmUp: 0, rounds: 1 })');
      if (round >= 0) for (const [i, some] of turn.entries()) times[i].push(...some);
    }
  for (const { threads, page, names, times } of results) {
    await page.evaluate('end().then(() => {})');
    const [mine, peer] = times.map(spread);
    const bytes = ['espk', 'onnx'].map((kind) => files[`/${name}.${kind}`].length);
    rows.push({ net, sparsity, threads, names, bytes, mine, peer, speed: peer.median / mine.median });
  }
}
const { version } = browser;
await browser.close();
await server.close();

const time = ({ median, interval: [from, to] }) =>
  `${median.toFixed(2)} (${from.toFixed(2)} – ${to.toFixed(2)})`;
const table =
  () => `${machineText(about)} ${version}; ${rows[0].names.map((name) => name.replace(/, \d thread.*/, ')')).join('; ')}.

| network | sparsity | threads | espalier/runtime, ms | onnxruntime-web, ms | speed / onnxruntime-web | packed | .onnx |
|---|---:|---:|---:|---:|---:|---:|---:|
${rows
  .map(
    ({ net, sparsity, threads, mine, peer, speed, bytes }) =>
      `| ${net} | ${100 * sparsity} % | ${threads} | ${time(mine)} | ${time(peer)} | ${speed.toFixed(1)} × | ${bytes.map((n) => `${(n / 1e3).toFixed(0)} kB`).join(' | ')} |`,
  )
  .join('\n')}
`;
if (o.json) console.log(JSON.stringify({ about, version, rows }));
else console.log(table());
if (o.write) writeInto(new URL('../docs/benchmarks.md', import.meta.url), 'browser', table());
