/**
 * The engine on a GPU by WebGPU, beside PyTorch in eager mode on the same card: what the device is, what a dispatch costs, the training
 * step of four networks with the time of every kernel, the operators beside PyTorch's, and ten epochs of ResNet-20.
 *
 *     node bench/gpu.mjs [--sections device,dispatch,operators,steps,kernels,epochs,torch] [--nets resnet20,…] [--steps 30] [--epochs 10]
 *                        [--data NAME|npz:…] [--batch N] [--python python3] [--without-subgroups] [--out FILE]
 *
 * Needs no network, no files but --data's, and Python only for PyTorch. Each section is a process of its own with a limit on its
 * time, so that one that fails takes nothing with it; all of them together end in less than eight minutes. Every result is a line of JSON
 * on standard output (and in --out); a table follows.
 */
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    sections: { type: 'string', default: 'device,dispatch,operators,steps,torch,kernels,epochs' },
    nets: { type: 'string', default: 'resnet20,resnet56,vgg19,resnet50' },
    steps: { type: 'string', default: '30' },
    epochs: { type: 'string', default: '10' },
    data: { type: 'string', default: 'digits' },
    batch: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    out: { type: 'string' },
    'without-subgroups': { type: 'boolean', default: false },
    engine: { type: 'string', default: 'webgpu' },
    only: { type: 'string' },
    net: { type: 'string' },
  },
});

/** Everything must have ended by then. */
const LIMIT_MS = 470_000;
const started = performance.now();
const nets = options.nets.split(',');

const shapeOf = (net) => (net === 'resnet50' ? [3, 224, 224] : [3, 32, 32]);
const classesOf = (net) => (net === 'resnet50' ? 1000 : 10);
const batchOf = (net) => Number(options.batch ?? (net === 'resnet50' ? 32 : 128));

const results = [];
function tell(result) {
  results.push(result);
  process.stdout.write(`${JSON.stringify(result)}\n`);
  if (options.out && !options.only) appendFileSync(options.out, `${JSON.stringify(result)}\n`);
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const rounded = (x) => Number(x.toPrecision(4));

/** What each section does, in a process of its own. */
const sections = {
  async device() {
    const { create } = await import('webgpu');
    const gpu = create([]);
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) return tell({ section: 'device', error: 'there is no adapter' });
    const { vendor, architecture, device, description } = adapter.info;
    const limits = {};
    for (const name in adapter.limits)
      if (/Storage|Buffer|Compute|Immediate/.test(name)) limits[name] = adapter.limits[name];
    tell({
      section: 'device',
      vendor,
      architecture,
      device,
      description,
      features: [...adapter.features],
      limits,
    });
  },

  async dispatch() {
    const { create } = await import('webgpu');
    const gpu = create([]);
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    const device = await adapter.requestDevice();
    const code = `@group(0) @binding(0) var<storage, read_write> mem: array<f32>;
      @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) at: vec3u) { mem[at.x] = mem[at.x] + 1.0; }`;
    const compute = { module: device.createShaderModule({ code }), entryPoint: 'main' };
    const pipeline = device.createComputePipeline({ layout: 'auto', compute });
    const buffer = device.createBuffer({ size: 1 << 20, usage: 128 });
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer } }],
    });
    const submit = (count) => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      for (let i = 0; i < count; i++) {
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(64);
      }
      pass.end();
      device.queue.submit([encoder.finish()]);
    };
    for (const count of [1, 334]) {
      submit(count);
      await device.queue.onSubmittedWorkDone();
      const times = [];
      const host = [];
      for (let i = 0; i < 20; i++) {
        const from = performance.now();
        submit(count);
        host.push(performance.now() - from);
        await device.queue.onSubmittedWorkDone();
        times.push(performance.now() - from);
      }
      tell({ section: 'dispatch', count, ms: rounded(median(times)), host: rounded(median(host)) });
    }
    device.destroy();
  },

  /** The operators beside PyTorch's fixtures, and gradients beside differences. */
  async operators() {
    for (const file of ['engine/pytorch', 'engine/random']) {
      const path = fileURLToPath(new URL(`../dist/${file}.test.js`, import.meta.url));
      const { stdout, status } = spawnSync(process.execPath, ['--test-reporter=tap', path], {
        env: { ...process.env, ESPALIER_ENGINE: options.engine },
        encoding: 'utf8',
        timeout: 80_000,
      });
      const failed = [...stdout.matchAll(/^not ok \d+ - (.*)$/gm)].map(([, name]) => name);
      const errors = [...stdout.matchAll(/^ {2}error: (.*)$/gm)].map(([, text]) => text).slice(0, 8);
      const passed = stdout.match(/^ok /gm)?.length ?? 0;
      tell({ section: 'operators', file, passed, failed: failed.slice(0, 30), status, errors });
    }
  },

  steps: () => timeSteps(options.net, false),
  kernels: () => timeSteps(options.net, true),

  /** Epochs of ResNet-20; on 'digits' of ResNet-8. */
  async epochs() {
    const { openDataset } = await import('../dist/data/index.js');
    const { loadNetwork, openMachine } = await import('../dist/engine/index.js');
    const { buildNetwork } = await import('../dist/nn/index.js');
    const { trainNetwork } = await import('../dist/train/index.js');
    const data = await openDataset(options.data);
    const machine = await openMachine({ engine: options.engine });
    const net = options.data === 'digits' ? 'resnet8' : 'resnet20';
    const graph = buildNetwork(net, { shape: data.shape, classes: data.classes.length, seed: 1 });
    const from = performance.now();
    await trainNetwork({
      network: loadNetwork(graph, { machine }),
      data,
      epochs: Number(options.epochs),
      batch: 128,
      seed: 1,
      optimizer: { kind: 'sgd' },
      schedule: { kind: 'cosine', learningRate: 0.1 },
      onEpoch: ({ epoch, loss, test }) =>
        tell({
          section: 'epochs',
          net,
          data: options.data,
          epoch,
          loss,
          test,
          seconds: rounded((performance.now() - from) / 1000),
        }),
    });
    await machine.close();
  },

  /** PyTorch's step, eager. */
  torch() {
    const script = fileURLToPath(new URL('peers/gpu_step.py', import.meta.url));
    const child = spawnSync(options.python, [script, '--nets', options.nets, '--steps', options.steps], {
      encoding: 'utf8',
      timeout: 100_000,
    });
    for (const line of (child.stdout ?? '').split('\n'))
      if (line.startsWith('{')) tell({ section: 'torch', ...JSON.parse(line) });
    if (child.status !== 0)
      tell({
        section: 'torch',
        error: (child.stderr || child.error?.message || '').trim().split('\n').at(-1),
      });
  },
};

/** The training step: inputs written, forward, loss, backward, update, loss read. */
async function timeSteps(net, timed) {
  const { loadNetwork, openMachine } = await import('../dist/engine/index.js');
  const { buildNetwork } = await import('../dist/nn/index.js');
  const { normal, random, integer } = await import('../dist/base/index.js');
  const subgroups = !options['without-subgroups'];
  const machine = await openMachine({ engine: options.engine, timed, subgroups });
  const [shape, batch, classes] = [shapeOf(net), batchOf(net), classesOf(net)];
  const network = loadNetwork(buildNetwork(net, { shape, classes, seed: 1 }), { machine });
  const training = network.training({ batch, optimizer: 'sgd' });
  const draws = random(1, 'gpu');
  const images = Float32Array.from({ length: batch * shape.reduce((a, b) => a * b) }, () => normal(draws));
  const labels = Int32Array.from({ length: batch }, () => integer(draws, classes));
  const update = { learningRate: 0.01, momentum: 0.9, weightDecay: 5e-4 };
  let number = 0;
  const step = async () => {
    const from = performance.now();
    const { loss } = await training.gradients(images, labels, batch, number++);
    await training.update(update);
    return { ms: performance.now() - from, loss };
  };
  const first = await step();
  const losses = [first.loss];
  const times = [];
  const until = performance.now() + (timed ? 5000 : 15000);
  for (let i = 0; i < Number(options.steps) && (i < 2 || performance.now() < until); i++) {
    const { ms, loss } = await step();
    if (i > 0) times.push(ms);
    losses.push(loss);
  }
  await training.gradientNorm();
  const common = {
    net,
    batch,
    engine: machine.description,
    microBatch: training.microBatch,
    peakMB: rounded(training.peakBytes / 1e6),
  };
  if (!timed)
    tell({
      section: 'steps',
      ...common,
      ms: rounded(median(times)),
      best: rounded(Math.min(...times)),
      firstMs: rounded(first.ms),
      losses: losses.slice(0, 4),
      dispatches: machine.counted?.(),
    });
  else {
    const runs = losses.length;
    const perRun = ([name, ns]) => [name, rounded(ns / 1e6 / runs)];
    tell({ section: 'kernels', ...common, ms: Object.fromEntries([...training.profile()].map(perRun)) });
    const steps = training
      .steps()
      .map(({ kernel, layer, gradient, time, bytes }) => ({
        kernel,
        layer,
        gradient,
        us: rounded(time / 1e3 / runs),
        MB: rounded(bytes / 1e6),
      }))
      .sort((a, b) => b.us - a.us)
      .slice(0, 24);
    tell({ section: 'kernels', net, steps });
  }
  await machine.close();
}

/** Runs a section in a process of its own. */
function runSection(name, net, limit) {
  const left = LIMIT_MS - (performance.now() - started);
  if (left < 5000) return tell({ section: name, net, error: 'there was no time left' });
  const args = process.argv.slice(2).concat('--only', name, ...(net ? ['--net', net] : []));
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, errors] = ['', ''];
    const timer = setTimeout(() => child.kill('SIGKILL'), Math.min(limit, left));
    const take = (line) => {
      try {
        tell(JSON.parse(line));
      } catch {}
    };
    child.stdout.on('data', (text) => {
      out += text;
      const lines = out.split('\n');
      out = lines.pop();
      for (const line of lines) take(line);
    });
    child.stderr.on('data', (text) => (errors += text));
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      if (status !== 0)
        tell({
          section: name,
          net,
          error: signal ? `ended after its time (${signal})` : errors.trim().slice(-1500),
        });
      resolve();
    });
  });
}

const limits = { device: 30, dispatch: 30, operators: 150, steps: 60, kernels: 40, torch: 110, epochs: 120 };

function table() {
  const of = (section, net) => results.find((r) => r.section === section && r.net === net && !r.error);
  const torch = (net, tf32) =>
    results.find((r) => r.section === 'torch' && r.net === net && r.tf32 === tf32)?.ms;
  const lines = [
    '| network | batch | espalier, ms | PyTorch fp32, ms | PyTorch TF32, ms |',
    '| --- | ---: | ---: | ---: | ---: |',
  ];
  for (const net of nets) {
    const own = of('steps', net);
    lines.push(
      `| ${net} | ${batchOf(net)} | ${own?.ms ?? '–'} | ${torch(net, false) ?? '–'} | ${torch(net, true) ?? '–'} |`,
    );
  }
  process.stdout.write(`\n${lines.join('\n')}\n`);
}

if (options.only) {
  await sections[options.only]();
  process.exit(0);
}
for (const name of options.sections.split(',')) {
  const each = name === 'steps' || name === 'kernels' ? nets : [undefined];
  for (const net of each) await runSection(name, net, 1000 * limits[name]);
}
table();
