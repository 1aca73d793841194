/**
 * How long a large network takes to be calibrated and reconstructed: a ResNet-50 at 224 × 224 of random weights, cut to half of its MACs, on
 * random pictures, since time does not depend on what is on them.
 *
 *   node bench/calibration-time.mjs [--samples 256] [--threads 2]
 *
 * Solving takes the same however many samples there are, and measuring grows with them, so two runs tell one from the other.
 */
import { parseArgs } from 'node:util';
import {
  chooseUnits,
  findChannels,
  keptIn,
  shrink,
  structuredMethods,
  usual,
} from '../dist/channels/index.js';
import { openMachine, reconstruct } from '../dist/index.js';
import { buildNetwork } from '../dist/nn/index.js';
import { randomCalibration } from '../dist/runs/samples.js';
import { describeMachine, machineText } from './machine.mjs';

const { values: o } = parseArgs({
  options: { samples: { type: 'string', default: '256' }, threads: { type: 'string', default: '2' } },
});
const samples = Number(o.samples);
const graph = buildNetwork('resnet50', { shape: [3, 224, 224], classes: 1000, seed: 1 });
const machine = await openMachine({ threads: Number(o.threads) });
const channels = findChannels(graph, {});
const seconds = async (work) => {
  const begun = performance.now();
  const value = await work();
  return { value, seconds: (performance.now() - begun) / 1000 };
};

const cut = await seconds(async () => {
  const settings = { ...usual, ...structuredMethods.find(({ name }) => name === 'l1-filters').defaults };
  const goal = { of: 'macs', fraction: 0.5 };
  const { selection } = await chooseUnits({
    graph,
    channels,
    settings,
    seed: 1,
    limits: { roundTo: 1 },
    goal,
  });
  return { student: shrink(graph, channels, selection), kept: keptIn(graph, channels, selection) };
});
const plans = [];
const run = (count) =>
  seconds(() =>
    reconstruct(
      { teacher: graph, student: cut.value.student },
      {
        ...{ machine, kept: cut.value.kept, samples: randomCalibration(count) },
        onPlan: (plan) => plans.push(plan),
        onLayer: (done, all) => process.stderr.write(`\r${count} pictures: layer ${done} of ${all} `),
      },
    ),
  );
const few = await run(samples / 4);
const all = await run(samples);
process.stderr.write('\n');
const measuring = ((all.seconds - few.seconds) * 4) / 3;
const [plan] = plans.slice(-1);
const rows = [
  ['to choose by L1 norms, and cut', cut.seconds],
  [`to run both networks and sum moments, ${samples} pictures`, measuring],
  [`to solve for ${all.value.layers.length} layers`, all.seconds - measuring],
  ['in all', cut.seconds + all.seconds],
];
console.log(`| what | s |\n|---|--:|`);
for (const [what, time] of rows) console.log(`| ${what} | ${time.toFixed(0)} |`);
const { maxRSS } = process.resourceUsage();
console.log(
  `\nValues between segments ${(plan.values / 1e6).toFixed(0)} MB, moments ${(plan.moments / 1e6).toFixed(0)} MB, the process at most ${(maxRSS / 1e6).toFixed(1)} GB.`,
);
console.log(machineText(describeMachine()));
await machine.close();
