/** Every method through the trainer, on digits: exact, quiet where masked, and the same after a stop and a resume. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Dataset, openDataset, subset } from '../data/index.js';
import { loadNetwork, type Machine, openMachine } from '../engine/index.js';
import { buildNetwork } from '../nn/index.js';
import { type Hook, type RunState, readCheckpoint, type TrainOptions, trainNetwork } from '../train/index.js';
import { fggp, findMethod, methods, prunables, pruningHook } from './index.js';
import { countNonZero } from './masks.js';
import type { Method, Plan, UpdateReport } from './types.js';

let machine: Machine;
let folder: string;
let data: Dataset;
before(async () => {
  machine = await openMachine({ threads: 1 });
  folder = await mkdtemp(join(tmpdir(), 'espalier-field-'));
  const digits = await openDataset('digits');
  const some = (count: number) => Uint32Array.from({ length: count }, (_, i) => i);
  data = { ...digits, train: subset(digits.train, some(320)), test: subset(digits.test!, some(32)) };
});
after(async () => {
  await machine.close();
  await rm(folder, { recursive: true });
});

const graph = () => buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 1, width: 0.25 });

interface Asked {
  path: string;
  stopAfter?: number;
  more?: Partial<TrainOptions>;
  watch?: Hook;
}

/** Two epochs of ten steps; the plan, what was reported, and the last checkpoint. */
async function prune(method: Method, options: object, { path, stopAfter, watch, more }: Asked) {
  const network = loadNetwork(graph(), { machine });
  const stop = new AbortController();
  let plan: Plan | undefined;
  let steps = 0;
  const hook = pruningHook(method, { sparsity: 0.9, ...options }, (made) => {
    plan = made;
  });
  const { masks } = await trainNetwork({
    ...{ network, data, epochs: 2, batch: 32, seed: 1 },
    optimizer: { kind: 'sgd' },
    schedule: { kind: 'cosine', learningRate: 0.05 },
    hooks: watch ? [hook, watch] : [hook],
    checkpoint: { path, resume: true },
    signal: stop.signal,
    onStep: () => {
      if (++steps === stopAfter) stop.abort();
    },
    ...more,
  });
  network.close();
  const { arrays } = (await readCheckpoint<RunState>(path))!;
  return { plan: plan!, reports: masks as UpdateReport[], arrays };
}

const short: Record<string, object> = {
  granet: { interval: 4 },
  lottery: { updates: 2 },
  synflow: { rounds: 20 },
};

for (const method of methods.filter(({ defaults }) => 'rounds' in defaults))
  test(`${method.name}: exact at every update, masked weights and momenta 0, resumed to the bit`, async () => {
    const options = short[method.name] ?? {};
    const watch: Hook = {
      afterGradients(state) {
        for (const { mask, weight, momentum } of prunables(state))
          for (const [i, kept] of mask.entries())
            if (kept === 0) assert.ok(weight[i] === 0 && momentum[0][i] === 0);
        return undefined;
      },
    };
    const whole = await prune(method, options, { path: join(folder, `${method.name}-whole`), watch });
    const { plan, reports } = whole;
    const size = plan.counted;
    const last = reports.at(-1)!;
    assert.equal(size - last.kept, plan.pruned);
    assert.ok(last.final);
    assert.deepEqual(
      [...new Set(reports.map(({ iteration }) => iteration))],
      [...new Set([0, ...plan.updates])],
    );
    for (const report of reports) assert.ok(Math.abs(report.kept - size * report.scheduled) <= 1);
    if (!('growth' in method.defaults))
      for (const [r, { kept, grown }] of reports.entries())
        assert.ok(grown === undefined && kept <= (reports[r - 1]?.kept ?? size));
    if (method.defaults.spareFirst) assert.equal(last.layers[0].density, 1);

    const path = join(folder, `${method.name}-pieces`);
    await prune(method, options, { path, stopAfter: 7 });
    await prune(method, options, { path, stopAfter: 5 });
    const pieces = await prune(method, options, { path });
    assert.deepEqual(pieces.arrays, whole.arrays);
    assert.deepEqual(pieces.reports, whole.reports);
  });

test('weights exchanged: counts of layers stay, new weights begin at 0, and RigL leaves the step out', async () => {
  for (const name of ['rigl', 'set']) {
    const { reports } = await prune(findMethod(name), short[name], { path: join(folder, `${name}-counts`) });
    const kept = ({ layers }: UpdateReport) => layers.map((layer) => layer.kept);
    for (const report of reports.slice(1)) {
      assert.deepEqual(kept(report), kept(reports[0]));
      assert.equal(report.skip, name === 'rigl' ? true : undefined);
      assert.ok(report.grown === report.dropped);
    }
    assert.ok(reports.slice(1).some(({ grown }) => grown! > 0));
  }
});

test('what SET keeps it also trains: the kept weights are those that are not 0', async () => {
  const conv2 = () => buildNetwork('conv2', { shape: [1, 8, 8], classes: 10, seed: 1, width: 0.25 });
  for (const make of [graph, conv2]) {
    const path = join(folder, `set-${make.name}`);
    const network = loadNetwork(make(), { machine });
    const { arrays, reports } = await prune(findMethod('set'), {}, { path, more: { network } });
    network.close();
    const { layers } = reports.at(-1)!;
    const trained = layers.map(({ name }) => countNonZero(arrays.get(`weight/${name}`)!));
    assert.deepEqual(
      trained,
      layers.map(({ kept }) => kept),
    );
  }
});

test('a lottery ticket takes up the weights of the first training, as far as they are kept', async () => {
  const seen = new Map<number, Float32Array>();
  const statistics = new Map<number, Float32Array[]>();
  const watch: Hook = {
    afterGradients(state, iteration) {
      seen.set(iteration, prunables(state)[1].weight.slice());
      return undefined;
    },
    afterUpdate({ network }, iteration) {
      statistics.set(
        iteration,
        [...network.state.values()].map((values) => values.slice()),
      );
    },
  };
  const lottery = findMethod('lottery');
  const options = { updates: 2, rewind: 0.25 };
  const { plan } = await prune(lottery, options, { path: join(folder, 'lottery-rewind'), watch });
  const { to } = (plan as Plan & { rewinding: { to: number } }).rewinding;
  for (const update of plan.updates) {
    const ticket = seen.get(update)!;
    assert.deepEqual(statistics.get(update), statistics.get(to));
    assert.deepEqual(
      ticket,
      seen.get(to + 1)!.map((w, i) => (ticket[i] === 0 ? 0 : w)),
    );
    assert.ok(countNonZero(ticket) > 0 && countNonZero(ticket) < ticket.length);
  }
});

test("FGGP's settings of the ablation and its averages: all exact, all different, resumed to the bit", async () => {
  const settings: Record<string, object> = {
    fggp: {},
    'magnitude-first': { first: 'magnitude', score: 'gradient' },
    'magnitude-first-annealed': { first: 'magnitude', score: 'gradient', selectAnneal: true },
    'gradient-only': { score: 'gradient', selectRatio: 1 },
    'magnitude-only': { selectRatio: 1 },
    annealed: { selectAnneal: true },
    averages: { averageWeight: 0.5, averageGradient: 0.5 },
    'sparse-start': { startDensity: 0.5 },
    exponential: { pruningSchedule: 'exponential', countBiases: true, spareFirst: false },
  };
  const results: string[] = [];
  for (const [name, options] of Object.entries(settings)) {
    const { plan, reports, arrays } = await prune(fggp, options, { path: join(folder, name) });
    const { kept, size } = reports.at(-1)!;
    assert.equal(size - kept, plan.pruned);
    results.push(
      reports
        .at(-1)!
        .layers.map((layer) => layer.kept)
        .join(),
    );
    const averages = [...arrays.keys()].some((array) => array.startsWith('hook0/gradient/'));
    assert.equal(averages, name === 'averages');
    if (!['averages', 'annealed'].includes(name)) continue;
    const path = join(folder, `${name}-pieces`);
    await prune(fggp, options, { path, stopAfter: 9 });
    assert.deepEqual((await prune(fggp, options, { path })).arrays, arrays);
  }
  assert.equal(new Set(results).size, results.length);
});

test('a run goes on only with the method and the options it began with', async () => {
  const path = join(folder, 'other');
  await prune(fggp, {}, { path, stopAfter: 3 });
  await assert.rejects(prune(findMethod('gmp'), {}, { path }), {
    name: 'UserError',
    message: 'The run was started with the pruning method fggp, not gmp; resume it with that.',
  });
  await assert.rejects(prune(fggp, { interval: 3 }, { path }), {
    name: 'UserError',
    message:
      'The run was started with the option interval of fggp at 0, not 3; resume it with the same options.',
  });
  await prune(fggp, {}, { path });
});
