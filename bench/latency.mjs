/**
 * Latency of one sample: espalier/runtime beside onnxruntime-node, on the same files, dense and pruned.
 *
 *     node bench/latency.mjs [--nets resnet20,vgg19,mobilenetv2] [--sparsity 0,0.9,0.95,0.98] [--runs 200]
 *                            [--engines native,wasm] [--threads 2] [--json] [--write]
 *
 * A net may also be a file, which is measured as it is. --write puts the table into docs/benchmarks.md.
 *
 * Weights are pruned by magnitude, layer by layer, and what is left is scaled up so that signals stay as strong: sub-normal
 * numbers would slow onnxruntime down. Contestants take turns of a few runs, after some that do not count: the threads of the
 * one before may still be spinning. Told are medians, and their 95 % intervals.
 */
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { openMachine } from '../dist/engine/index.js';
import { expandModel } from '../dist/graph/expand.js';
import { buildNetwork } from '../dist/nn/index.js';
import { readModel, serializeModel, sizeOf } from '../dist/onnx/index.js';
import { spread } from '../dist/runs/bench.js';
import { load } from '../dist/runtime/index.js';
import { describeMachine, machineText } from './machine.mjs';
import { pruned } from './pruned.mjs';
import { writeInto } from './tables.mjs';

const { values: o } = parseArgs({
  options: {
    nets: { type: 'string', default: 'resnet20,vgg19,mobilenetv2' },
    sparsity: { type: 'string', default: '0,0.9,0.95,0.98' },
    engines: { type: 'string', default: 'native,wasm' },
    runs: { type: 'string', default: '200' },
    threads: { type: 'string', default: String(availableParallelism()) },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const threads = Number(o.threads);
const about = describeMachine();
const percent = (x) => `${(100 * x).toFixed(1).replace(/\.0$/, '')} %`;
/** Runs of a turn that count. */
const TURN = 6;
/** Before them it runs for so long, so that the threads of the contestant before have given up waiting and its own are awake. */
const SETTLING_MS = 60;
/** The contestants on one model take their turns for so long at most, at least three each. */
const PATIENCE_MS = 12_000;
const FEWEST = 3;

async function onnxruntime(bytes, shapes, image) {
  const { InferenceSession, Tensor } = await import('onnxruntime-node');
  const session = await InferenceSession.create(bytes, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const [[name, shape]] = shapes;
  const feeds = { [name]: new Tensor('float32', image, shape) };
  return {
    name: 'onnxruntime-node',
    run: () => session.run(feeds),
    close: () => session.release(),
    times: [],
  };
}

/** The models of a net: of the zoo in every sparsity, or a file as it is. */
async function modelsOf(net) {
  if (net.endsWith('.onnx')) {
    const graph = await readModel(net);
    return [{ sparsity: zerosOf(graph), bytes: serializeModel(graph) }];
  }
  const dense = buildNetwork(net, { shape: [3, 32, 32], classes: 10, seed: 1 });
  return o.sparsity
    .split(',')
    .map(Number)
    .map((sparsity) => ({ sparsity, bytes: serializeModel(pruned(dense, sparsity)) }));
}

function zerosOf(graph) {
  const weights = [...expandModel(graph).prunable.keys()].map((name) => graph.initializers.get(name).data);
  const count = (of) => weights.reduce((sum, data) => sum + of(data), 0);
  return count((data) => data.reduce((n, x) => n + (x === 0 ? 1 : 0), 0)) / count((data) => data.length);
}

async function measure(bytes, machines) {
  const models = await Promise.all(machines.map((machine) => load(bytes, { machine })));
  const { inputs } = models[0];
  const [[name, shape]] = inputs;
  const image = Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(1.7 * i));
  const contestants = models.map((model, i) => ({
    name: `espalier ${machines[i].kind}`,
    run: () => model.run({ [name]: image }),
    close: () => model.close(),
    times: [],
  }));
  contestants.push(await onnxruntime(bytes, inputs, image));
  const turns = Math.ceil(Number(o.runs) / TURN);
  const start = performance.now();
  for (let turn = -1; turn < turns; turn++) {
    if (turn >= FEWEST && performance.now() - start > PATIENCE_MS) break;
    for (const contestant of contestants) {
      const from = performance.now() + SETTLING_MS;
      while (performance.now() < from) await contestant.run();
      for (let i = 0; i < TURN; i++) {
        const begin = performance.now();
        await contestant.run();
        if (turn >= 0) contestant.times.push(performance.now() - begin);
      }
    }
  }
  for (const { close } of contestants) await close();
  const peer = spread(contestants.at(-1).times).median;
  return contestants.map(({ name: runtime, times }) => {
    const { median, interval } = spread(times);
    return { runtime, median, interval, speed: peer / median };
  });
}

const machines = [];
for (const engine of o.engines.split(',')) machines.push(await openMachine({ engine, threads }));
const rows = [];
for (const net of o.nets.split(','))
  for (const { sparsity, bytes } of await modelsOf(net)) {
    process.stderr.write(`${net}, ${percent(sparsity)}\n`);
    for (const row of await measure(bytes, machines)) rows.push({ net: basename(net), sparsity, ...row });
  }
for (const machine of machines) await machine.close();

const line = ({ net, sparsity, runtime, median, interval, speed }) =>
  `| ${net} | ${percent(sparsity)} | ${runtime} | ${median.toFixed(3)} | ${interval.map((x) => x.toFixed(3)).join(' – ')} | ${speed.toFixed(2)} × |`;

const markdown = `${machineText(about)} ${machines.map(({ description }) => description).join('; ')}; onnxruntime-node with ${threads} threads.

| network | sparsity | runtime | median, ms | 95 % interval | speed / onnxruntime-node |
|---|---:|---|---:|---:|---:|
${rows.map(line).join('\n')}
`;
if (o.json) console.log(JSON.stringify({ about, threads, rows }));
else console.log(markdown);
if (o.write) writeInto(new URL('../docs/benchmarks.md', import.meta.url), 'latency', markdown);
