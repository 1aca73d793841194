/**
 * How the train step grows: with the batch, with the width of ResNet-20, and with the number of weights (the depths 8, 20, 32,
 * 56), dense and with masks that prune 95 %; beside PyTorch's dense step, where that is there and knows the network.
 *
 *     node bench/growth.mjs [--batches 16,32,64,128,256,512] [--widths 1,2,4] [--depths 8,20,32,56] [--batch 128]
 *                           [--sparsity 0.95] [--steps 3] [--engine native|wasm] [--python /usr/bin/python3] [--json] [--write]
 *
 * Contestants of a row stand in memory together and take their steps in turn. --write puts the tables into docs/benchmarks.md.
 */
import { parseArgs } from 'node:util';
import { buildNetwork } from '../dist/nn/index.js';
import { measure } from '../dist/runs/index.js';
import { absenceOfTorch, contenders, start } from './contenders.mjs';
import { describeMachine, machineText } from './machine.mjs';
import { writeInto } from './tables.mjs';

const WARM_UP = 3;
/** With masks the engine tries both kinds of kernels first. */
const WARM_UP_SPARSE = 9;
/** What PyTorch's side (peers/networks.py) has. */
const PEERS = ['resnet20', 'resnet56'];

const { values: o } = parseArgs({
  options: {
    batches: { type: 'string', default: '16,32,64,128,256,512' },
    widths: { type: 'string', default: '1,2,4' },
    depths: { type: 'string', default: '8,20,32,56' },
    batch: { type: 'string', default: '128' },
    sparsity: { type: 'string', default: '0.95' },
    steps: { type: 'string', default: '3' },
    engine: { type: 'string', default: 'native' },
    python: { type: 'string', default: '/usr/bin/python3' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const list = (text) => text.split(',').filter(Boolean).map(Number);
const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const absent = absenceOfTorch(o.python);

const widened = (contender, width) => ({
  ...contender,
  command: [...contender.command, '--width', String(width)],
});

/** Median milliseconds of a step: dense, with masks, and in PyTorch. */
async function row({ net, batch, width = 1 }) {
  const comparable = !absent && width === 1 && PEERS.includes(net);
  const taking = contenders(o.python, [Number(o.sparsity)], 'uniform').filter(
    ({ kind, threads, name }) =>
      threads === 2 && (kind === o.engine || (comparable && name.includes('channels_last'))),
  );
  const entries = [];
  try {
    for (const contender of taking) {
      const own = contender.kind === 'pytorch' ? contender : widened(contender, width);
      const process = await start(own, { net, batch });
      entries.push({ process, times: [] });
      for (let i = 0; i < (contender.sparsity ? WARM_UP_SPARSE : WARM_UP); i++) await process.step();
    }
    for (let round = 0; round < Number(o.steps); round++)
      for (let i = 0; i < entries.length; i++) {
        const { process, times } = entries[(i + round) % entries.length];
        times.push((await process.step()).ms);
      }
  } finally {
    for (const { process } of entries) await process.stop();
  }
  const { params, macs } = measure(buildNetwork(net, { shape: [3, 32, 32], classes: 10, seed: 1, width }));
  const [dense, sparse, torch] = entries.map(({ times }) => median(times));
  process.stderr.write(
    `${net} × ${width}, batch ${batch}: ${[dense, sparse, torch].map((ms) => ms?.toFixed(0) ?? '–').join(', ')} ms\n`,
  );
  return { net, batch, width, params, macs, dense, sparse, torch };
}

async function rowsOf(settings) {
  const rows = [];
  for (const setting of settings) rows.push(await row(setting));
  return rows;
}

const about = describeMachine();
const batch = Number(o.batch);
const results = {
  batch: await rowsOf(list(o.batches).map((own) => ({ net: 'resnet20', batch: own }))),
  width: await rowsOf(list(o.widths).map((width) => ({ net: 'resnet20', batch, width }))),
  weights: await rowsOf(list(o.depths).map((depth) => ({ net: `resnet${depth}`, batch }))),
};

const ms = (value) => (value === undefined ? '–' : `${value.toFixed(value < 100 ? 1 : 0)} ms`);
const million = (value) => `${(value / 1e6).toFixed(2)} M`;

function table(title, rows, name) {
  if (rows.length === 0) return '';
  const titles = [
    title,
    'weights',
    'MACs of an image',
    'dense',
    'MACs a second',
    `${100 * Number(o.sparsity)} % sparse`,
  ];
  const head = [...titles, 'faster', 'PyTorch, dense'];
  const cells = rows.map((own) => [
    ...[name(own), million(own.params), million(own.macs), ms(own.dense)],
    // A train step multiplies three times: forward, and for both gradients.
    `${((3 * own.macs * own.batch) / own.dense / 1e6).toFixed(0)} G`,
    ...[ms(own.sparse), `${(own.dense / own.sparse).toFixed(2)} ×`, ms(own.torch)],
  ]);
  return [head, ['---', ...head.slice(1).map(() => '---:')], ...cells]
    .map((line) => `| ${line.join(' | ')} |`)
    .join('\n');
}

const text = `${machineText(about)} ${o.engine}, 2 threads; medians of ${o.steps} steps.${absent ? ' PyTorch is not there.' : ''}

${[
  table('ResNet-20, batch', results.batch, (own) => String(own.batch)),
  table(`ResNet-20, width, batch ${batch}`, results.width, ({ width }) => `× ${width}`),
  table(`depth, batch ${batch}`, results.weights, ({ net }) => net),
]
  .filter(Boolean)
  .join('\n\n')}
`;
process.stdout.write(o.json ? `${JSON.stringify({ machine: about, ...o, results })}\n` : text);
if (o.write) {
  const command = ['node bench/growth.mjs', ...process.argv.slice(2)].join(' ');
  writeInto(new URL('../docs/benchmarks.md', import.meta.url), 'growth', `\`${command}\`\n\n${text}`);
}
