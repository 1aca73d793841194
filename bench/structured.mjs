/**
 * What removing channels gains: latency of one image in onnxruntime (two threads) against the MACs that are left.
 *
 *     node bench/structured.mjs [--nets resnet56,resnet18] [--keep 0.7,0.6,0.5,0.3] [--round-to 16,8,1] [--rounds 9] [--json] [--write]
 *
 * Networks of the zoo with their first weights, cut to a target of MACs as `espalier prune --method masksparsity --macs …`
 * cuts them. Before any training all scales of BatchNorm are equal, so all groups are thinned alike. Ideal is that a network
 * of half the MACs takes half the time. Times are the median over rounds of those in `turns.mjs`, speed-ups that of the ratios
 * within a round. Columns are what counts of channels are rounded to. --write puts the table into docs/benchmarks.md.
 */
import { parseArgs } from 'node:util';
import { env, Tensor } from 'onnxruntime-node';
import { UserError } from '../dist/base/errors.js';
import { normal, random } from '../dist/base/random.js';
import { chooseUnits, findChannels, shrink, structuredMethods, usual } from '../dist/channels/index.js';
import { summarize } from '../dist/graph/facts/summary.js';
import { buildNetwork } from '../dist/nn/index.js';
import { serializeModel } from '../dist/onnx/index.js';
import { describeMachine, machineText } from './machine.mjs';
import { writeInto } from './tables.mjs';
import { median, speedUp, turnsOf } from './turns.mjs';

const SMALL = { shape: [3, 32, 32], classes: 10, seed: 1 };
const LARGE = { shape: [3, 224, 224], classes: 1000, seed: 1 };
const NETWORKS = {
  resnet56: SMALL,
  'resnet56-B': { ...SMALL, shortcut: 'B' },
  vgg19: SMALL,
  mobilenetv2: { ...LARGE, stem: 'imagenet' },
  resnet18: { ...LARGE, stem: 'imagenet' },
  resnet50: { ...LARGE, stem: 'imagenet' },
};

const { values: options } = parseArgs({
  options: {
    nets: { type: 'string', default: Object.keys(NETWORKS).join() },
    keep: { type: 'string', default: '0.7,0.6,0.5,0.3' },
    'round-to': { type: 'string', default: '16,8,1' },
    rounds: { type: 'string', default: '9' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const numbers = (list) => list.split(',').map(Number);
const rounds = Number(options.rounds);
const { defaults } = structuredMethods.find(({ name }) => name === 'masksparsity');
const settings = { ...usual, ...defaults };

/** A network cut to a fraction of its MACs, undefined where that is out of reach. */
async function cut(graph, fraction, roundTo) {
  const channels = findChannels(graph);
  const goal = { of: 'macs', fraction };
  try {
    const { selection } = await chooseUnits({ graph, channels, settings, goal, limits: { roundTo } });
    return shrink(graph, channels, selection);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    process.stderr.write(`in multiples of ${roundTo}: ${error.message}\n`);
    return undefined;
  }
}

async function measured(net) {
  const graph = buildNetwork(net.split('-')[0], NETWORKS[net]);
  const forms = [{ graph }];
  for (const roundTo of numbers(options['round-to']))
    for (const fraction of numbers(options.keep)) {
      const smaller = await cut(graph, fraction, roundTo);
      if (smaller) forms.push({ graph: smaller, roundTo, fraction });
    }
  const { shape } = NETWORKS[net];
  const stream = random(0, 'structured');
  const image = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => normal(stream));
  const feeds = { input: new Tensor('float32', image, [1, ...shape]) };
  const { turns, disturbed } = await turnsOf(
    forms.map((form) => ({ bytes: serializeModel(form.graph), feeds })),
    { rounds },
  );
  const whole = summarize(graph).macs;
  return forms.map(({ graph: own, roundTo, fraction = 1 }, i) => {
    const { macs } = summarize(own);
    const faster = speedUp(turns[0], turns[i]);
    return {
      ...{ net, roundTo, fraction, macs, kept: macs / whole, disturbed },
      ...{ latency: median(turns[i]), speedUp: faster, ofIdeal: (faster * macs) / whole },
    };
  });
}

const facts = describeMachine();
const results = [];
for (const net of options.nets.split(',')) {
  process.stderr.write(`${net} …\n`);
  results.push(...(await measured(net)));
}

const roundings = numbers(options['round-to']);
const cellOf = (found) =>
  found
    ? `${found.latency.toPrecision(3)} ms, ${found.speedUp.toFixed(2)} ×, **${found.ofIdeal.toFixed(2)}**`
    : 'out of reach';
const rows = options.nets.split(',').flatMap((net) => {
  const own = results.filter((result) => result.net === net);
  const at = (fraction) =>
    roundings.map((roundTo) => cellOf(own.find((r) => r.fraction === fraction && r.roundTo === roundTo)));
  return [
    [
      net,
      `${(own[0].macs / 1e6).toFixed(0)} M, all`,
      `${own[0].latency.toPrecision(3)} ms`,
      ...roundings.slice(1).map(() => ''),
    ],
    ...numbers(options.keep).map((fraction) => [net, `${Math.round(100 * fraction)} %`, ...at(fraction)]),
  ];
});
const titles = ['network', 'MACs kept', ...roundings.map((roundTo) => `multiples of ${roundTo}`)];
const rule = titles.map((_, i) => (i < 2 ? '---' : '---:'));
const table = [titles, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
const disturbed = Math.max(...results.map((result) => result.disturbed));
const calm = `Turns that were disturbed by other processes: at most ${Math.round(100 * disturbed)} % of a network's.`;
const runtime = `onnxruntime ${env.versions.node}, 2 threads, one image, ${rounds} rounds. ${calm} Latency, speed-up, **speed-up / ideal**.`;
const text = `${machineText(facts)} ${runtime}\n\n${table}\n`;
process.stdout.write(
  options.json
    ? `${JSON.stringify({ machine: facts, onnxruntime: env.versions.node, rounds, results })}\n`
    : text,
);
if (options.write) {
  const command = ['node bench/structured.mjs', ...process.argv.slice(2)].join(' ');
  writeInto(new URL('../docs/benchmarks.md', import.meta.url), 'structured', `\`${command}\`\n\n${text}`);
}
