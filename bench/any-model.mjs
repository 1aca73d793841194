/**
 * Models of other people that are no classifiers: half of their MACs removed, then trained on inputs without labels to answer as before.
 *
 *   node bench/any-model.mjs MODELS CIFAR10 OUT [NAME …]
 *
 * Pictures are mosaics of CIFAR-10, brought to what each model takes; runs and their logs are in OUT, one folder a model, and a run that was
 * killed goes on when the script is started again. Writes OUT/any-model.json and prints the table of docs/results/any-model.md.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';

const [models, cifar, out, ...only] = process.argv.slice(2);
const EPOCHS = 6;

/** What a model takes: shape of a sample, and what becomes of a pixel from 0 to 255. */
const MODELS = {
  collins_rul_full20: {
    what: 'remaining life of an engine',
    shape: [1, 20, 20],
    count: 400,
    pixel: (p) => p / 64 - 2,
  },
  ultraface_rfb_320: {
    what: 'face detector',
    shape: [3, 240, 320],
    count: 160,
    pixel: (p) => (p - 127) / 128,
  },
  yunet_n_320: { what: 'face detector with keypoints', shape: [3, 320, 320], count: 120, pixel: (p) => p },
  fastestdet: { what: 'object detector', shape: [3, 352, 352], count: 120, pixel: (p) => p / 255 },
  yolo_fastestv2: { what: 'object detector', shape: [3, 352, 352], count: 120, pixel: (p) => p / 255 },
  unet_small: { what: 'segmenter', shape: [1, 224, 224], count: 48, pixel: (p) => p / 255 },
  super_resolution_opset10: {
    what: 'super-resolution',
    shape: [1, 224, 224],
    count: 32,
    pixel: (p) => p / 255,
  },
};

/** Pictures of 32 × 32 in a row, channels first. */
const records = readFileSync(
  join(cifar, existsSync(join(cifar, 'test.bin')) ? 'test.bin' : 'test_batch.bin'),
);
const PIXELS = 3072;

/** A counter-based generator is not needed here: the pictures are the same in every run. */
function generator(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A picture of `shape`: CIFAR-10's side by side, each enlarged bilinearly. */
function mosaic([channels, height, width], pixel, draw) {
  const data = new Float32Array(channels * height * width);
  const side = Math.ceil(Math.max(height, width) / (1 + draw(3)));
  for (let top = 0; top < height; top += side)
    for (let left = 0; left < width; left += side) {
      const from = draw(Math.floor(records.length / (PIXELS + 1))) * (PIXELS + 1) + 1;
      const at = (c, y, x) => {
        if (channels === 3) return records[from + c * 1024 + y * 32 + x];
        return [0, 1, 2].reduce((sum, k) => sum + records[from + k * 1024 + y * 32 + x], 0) / 3;
      };
      for (let y = 0; y < side && top + y < height; y++)
        for (let x = 0; x < side && left + x < width; x++) {
          const [v, u] = [(31 * y) / side, (31 * x) / side];
          const [row, column] = [Math.floor(v), Math.floor(u)];
          for (let c = 0; c < channels; c++) {
            const mix = (r) => at(c, r, column) * (1 - u + column) + at(c, r, column + 1) * (u - column);
            const value = mix(row) * (1 - v + row) + mix(row + 1) * (v - row);
            data[(c * height + top + y) * width + left + x] = pixel(value);
          }
        }
    }
  return data;
}

function npz({ shape, count, pixel }) {
  const draw = generator(7);
  const size = shape.reduce((product, dim) => product * dim, 1);
  const data = new Float32Array(count * size);
  for (let i = 0; i < count; i++) data.set(mosaic(shape, pixel, draw), i * size);
  const dict = `{'descr': '<f4', 'fortran_order': False, 'shape': (${[count, ...shape].join(', ')}), }`;
  const text = `${dict.padEnd(Math.ceil((dict.length + 11) / 64) * 64 - 11)}\n`;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(text.length);
  const array = Buffer.concat([
    Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
    ...[length, Buffer.from(text), Buffer.from(data.buffer)],
  ]);
  return zipSync({ 'x.npy': array }, { level: 0 });
}

const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const results = [];
for (const [name, model] of Object.entries(MODELS)) {
  if (only.length > 0 && !only.includes(name)) continue;
  const folder = join(out, name);
  mkdirSync(folder, { recursive: true });
  const inputs = join(folder, 'inputs.npz');
  const run = join(folder, 'run');
  if (!existsSync(inputs)) writeFileSync(inputs, npz(model));
  const goes = existsSync(join(run, 'recipe.json'));
  const args = goes
    ? ['resume', run]
    : [
        'prune',
        join(models, `${name}.onnx`),
        '--method',
        'l1-filters',
        '--macs',
        '0.5',
        '--data',
        `npz:${inputs}`,
      ].concat(
        ...['--epochs', String(EPOCHS), '--batch', '4', '--recalibrate', '--measure-latency', '--out', run],
      );
  try {
    const text = execFileSync(process.execPath, [cli, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    writeFileSync(join(folder, 'log.txt'), text);
  } catch (error) {
    writeFileSync(join(folder, 'log.txt'), String(error.stderr));
    console.error(`${name}: ${String(error.stderr).trim().split('\n').at(-1)}`);
    continue;
  }
  const { channels, macs, latency, metrics, seconds } = JSON.parse(
    readFileSync(join(run, 'summary.json'), 'utf8'),
  );
  const error = (what) => channels.stages.find((stage) => stage.what === what)?.metrics.error;
  results.push({
    ...{ name, what: model.what, samples: model.count, macs: macs.before, left: macs.after / macs.before },
    ...{
      cut: error('pruned'),
      rebuilt: error('reconstructed'),
      statistics: error('recalibrated'),
      end: metrics.error.after,
    },
    ...{ minutes: seconds / 60, latency, metrics },
  });
  writeFileSync(join(out, 'any-model.json'), `${JSON.stringify(results, null, 2)}\n`);
}
const percent = (x) => (x === undefined ? '–' : `${(100 * x).toFixed(1)} %`);
console.log(
  '| model | | MACs | left | error right after the cut | rebuilt from samples | statistics measured again | after distillation | minutes | latency, ms |',
);
console.log('|---|---|--:|--:|--:|--:|--:|--:|--:|--:|');
for (const { name, what, macs, left, cut, rebuilt, statistics, end, minutes, latency } of results)
  console.log(
    `| ${[name, what, `${(macs / 1e6).toPrecision(3)} M`, percent(left), percent(cut), percent(rebuilt), percent(statistics), percent(end), minutes.toFixed(1), latency ? `${latency.before.toPrecision(3)} → ${latency.after.toPrecision(3)}` : '–'].join(' | ')} |`,
  );
