/**
 * Latency of one sample: espalier/runtime beside onnxruntime-node, on the same files, dense and pruned.
 *
 *     node bench/latency.mjs [--nets resnet20,vgg19,mobilenetv2] [--sparsity 0,0.9,0.95,0.98] [--runs 200]
 *                            [--engines native,wasm] [--threads 2] [--json]
 *
 * Weights are pruned by magnitude, layer by layer, and what is left is scaled up so that signals stay as strong: sub-normal
 * numbers would slow onnxruntime down. Contestants take turns of a few runs, of which the first do not count: the threads of the
 * one before may still be spinning. Told are medians, and their 95 % intervals.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { openMachine } from '../dist/engine/index.js';
import { buildNetwork } from '../dist/nn/index.js';
import { serializeModel, sizeOf } from '../dist/onnx/index.js';
import { spread } from '../dist/runs/bench.js';
import { load } from '../dist/runtime/index.js';
import { describeMachine, machineText } from './machine.mjs';
import { pruned } from './pruned.mjs';

const { values: o } = parseArgs({
  options: {
    nets: { type: 'string', default: 'resnet20,vgg19,mobilenetv2' },
    sparsity: { type: 'string', default: '0,0.9,0.95,0.98' },
    engines: { type: 'string', default: 'native,wasm' },
    runs: { type: 'string', default: '200' },
    threads: { type: 'string', default: String(availableParallelism()) },
    json: { type: 'boolean', default: false },
  },
});
const threads = Number(o.threads);
const about = describeMachine();
/** Runs of a turn, and how many of them do not count. */
const TURN = 10;
const SETTLING = 4;

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

const machines = [];
for (const engine of o.engines.split(',')) machines.push(await openMachine({ engine, threads }));
const rows = [];
for (const net of o.nets.split(',')) {
  const dense = buildNetwork(net, { shape: [3, 32, 32], classes: 10, seed: 1 });
  for (const sparsity of o.sparsity.split(',').map(Number)) {
    const bytes = serializeModel(pruned(dense, sparsity));
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
    for (let done = SETTLING - TURN; done < Number(o.runs); done += TURN - SETTLING)
      for (const contestant of contestants)
        for (let i = 0; i < TURN; i++) {
          const start = performance.now();
          await contestant.run();
          if (done >= 0 && i >= SETTLING) contestant.times.push(performance.now() - start);
        }
    const peer = spread(contestants.at(-1).times).median;
    for (const { name: runtime, times, close } of contestants) {
      const { median, interval } = spread(times);
      rows.push({ net, sparsity, runtime, median, interval, speed: peer / median });
      await close();
    }
  }
}
for (const machine of machines) await machine.close();

if (o.json) console.log(JSON.stringify({ about, threads, rows }));
else {
  console.log(`${machineText(about)}\n${threads} threads.\n`);
  console.log('| network | sparsity | runtime | median, ms | 95 % interval | speed / onnxruntime-node |');
  console.log('|---|---:|---|---:|---:|---:|');
  for (const { net, sparsity, runtime, median, interval, speed } of rows)
    console.log(
      `| ${net} | ${100 * sparsity} % | ${runtime} | ${median.toFixed(3)} | ${interval.map((x) => x.toFixed(3)).join(' – ')} | ${speed.toFixed(2)} × |`,
    );
}
