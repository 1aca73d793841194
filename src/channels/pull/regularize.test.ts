import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Network, Training } from '../../engine/index.js';
import { buildNetwork } from '../../nn/index.js';
import { trainDigits } from '../../train/digits.test.fixture.js';
import type { EpochState, Hook } from '../../train/index.js';
import { findChannels } from '../find/groups.js';
import type { Channels, Selection } from '../types.js';
import { decay, softFilters } from './decay.js';
import { groupPenalty, pulls } from './groups.js';
import { penalty, scaleFactors } from './regularize.js';

const LEARNING_RATE = 0.1;

/** A run that has these weights and gradients, and nothing else. */
function stateOf(
  tensors: Record<string, { shape?: number[]; weight: number[]; gradient: number[] }>,
  iterations = 10,
) {
  const entries = Object.entries(tensors);
  const parameters = new Map(
    entries.map(([name, { weight, shape = [weight.length] }]) => [
      name,
      { ...{ name, shape, prunable: true, op: '', node: '' }, weight: Float32Array.from(weight) },
    ]),
  );
  const slots = new Map(
    entries.map(([name, { gradient }]) => {
      const values = Float32Array.from(gradient);
      return [name, { gradient: values, state: [], mask: new Float32Array(values.length).fill(1) }];
    }),
  );
  const state = {
    network: { parameters } as unknown as Network,
    training: { slots } as unknown as Training,
    iterations,
    learningRate: () => LEARNING_RATE,
  } as unknown as EpochState;
  const gradient = (name: string) => [...slots.get(name)!.gradient];
  const weight = (name: string) => [...parameters.get(name)!.weight];
  return { state, gradient, weight };
}

const vector = (...values: number[]) => Float32Array.from(values);
const rounded = (values: readonly number[]) => values.map((x) => Math.round(x * 1e5) / 1e5);

test('the gradient grows by s·sign(w) where the factor says so, and stays to the bit elsewhere', async () => {
  const { state, gradient } = stateOf({
    gamma: { weight: [0.5, -0.5, 0.25, 0, -2], gradient: [0.1, 0.1, 0.1, 0.1, 0.1] },
    beta: { weight: [1, 1, 1, 1, 1], gradient: [0.3, 0.3, 0.3, 0.3, 0.3] },
  });
  const hook = penalty({
    tensors: new Map([['gamma', vector(1, 1, 0, 1, 0.5)]]),
    kind: 'l1',
    strength: 0.25,
  });
  await hook.start!(state);
  await hook.afterGradients!(state, 1);
  assert.deepEqual(rounded(gradient('gamma')), [0.35, -0.15, 0.1, 0.1, -0.025]);
  assert.equal(gradient('gamma')[2], Math.fround(0.1));
  assert.deepEqual(gradient('beta'), [...vector(0.3, 0.3, 0.3, 0.3, 0.3)]);
});

test('l2 and smooth-l1: which steps to 0 and not beyond', async () => {
  const weights = [0.5, -0.01, 0.02, -3];
  const run = async (kind: 'l2' | 'smooth-l1') => {
    const { state, gradient } = stateOf({ w: { weight: weights, gradient: [0, 0, 0, 0] } });
    await penalty({ tensors: new Map([['w', vector(1, 1, 2, 1)]]), kind, strength: 0.25 }).afterGradients!(
      state,
      1,
    );
    return rounded(gradient('w'));
  };
  assert.deepEqual(await run('l2'), [0.125, -0.0025, 0.01, -0.75]);
  assert.deepEqual(await run('smooth-l1'), [0.25, -0.1, 0.2, -0.25]);
});

test('a penalty on what is not trained is refused', () => {
  const { state } = stateOf({ w: { weight: [1], gradient: [1] } });
  const hook = (name: string, size: number) =>
    penalty({ tensors: new Map([[name, new Float32Array(size)]]), kind: 'l1', strength: 1 });
  assert.throws(() => hook('v', 1).start!(state), /no trained parameter v of 1 elements/);
  assert.throws(() => hook('w', 2).start!(state), /no trained parameter w of 2 elements/);
});

test('a resumed penalty goes on with the factors it had, and must be the same one', async () => {
  const made = (strength: number, factor: number) =>
    penalty({ tensors: new Map([['w', vector(factor)]]), kind: 'l1', strength });
  const first = made(0.5, 1);
  const { state, gradient } = stateOf({ w: { weight: [1], gradient: [0] } });
  const saved = JSON.parse(JSON.stringify(first.save!()));
  const again = made(0.5, 0);
  again.restore!(saved, state, first.arrays!());
  await again.afterGradients!(state, 2);
  assert.deepEqual(gradient('w'), [0.5]);
  assert.throws(() => made(0.25, 1).restore!(saved, state, first.arrays!()), /"strength":0.5}, not .*0.25/);
});

const graph = buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 1, width: 0.5 });
const channels = findChannels(graph);

/** Every group loses every other of its units. */
const halves: Selection = new Map(
  channels.groups.map(({ name, size }) => [name, Array.from({ length: size }, (_, unit) => unit % 2 === 0)]),
);

test('factors mark the scales of what goes, and shifts only where asked', () => {
  const all = scaleFactors(graph);
  const scales = [...graph.initializers.keys()].filter((name) => /bn\d\.weight$/.test(name));
  assert.deepEqual([...all.keys()].sort(), scales.sort());
  assert.ok([...all.values()].every((factors) => factors.every((x) => x === 1)));
  const [group] = channels.groups.filter(({ members }) => members.length < 8);
  const kept = Array.from({ length: group.size }, (_, unit) => unit !== 1);
  const selection = new Map([[group.name, kept]]);
  const some = scaleFactors(graph, { channels, selection });
  const scale = group.members.find(({ tensor }) => /bn\d\.weight$/.test(tensor))!.tensor;
  assert.deepEqual([...some.keys()], [scale]);
  assert.deepEqual(
    [...some.get(scale)!],
    kept.map((stays) => (stays ? 0 : 1)),
  );
  const both = scaleFactors(graph, { channels, selection, shifts: true });
  assert.deepEqual([...both.keys()], [scale, scale.replace('.weight', '.bias')]);
});

const trained = (hooks: Hook[], epochs = 3) =>
  trainDigits({
    hooks,
    epochs,
    optimizer: { kind: 'sgd', weightDecay: 1e-4 },
    schedule: { kind: 'cosine', learningRate: 0.05 },
  });

/** The mean |scale| of what a selection keeps, and the largest of what it does not. */
function scalesOf(weights: ReadonlyMap<string, Float32Array>) {
  const marks = scaleFactors(graph, { channels, selection: halves });
  let [sum, count, largest] = [0, 0, 0];
  for (const [name, mark] of marks)
    for (const [i, w] of weights.get(name)!.entries()) {
      if (mark[i] === 1) largest = Math.max(largest, Math.abs(w));
      else [sum, count] = [sum + Math.abs(w), count + 1];
    }
  return { kept: sum / count, largest };
}

test('MaskSparsity: what is marked goes to 0, what is not stays as in a run without', async () => {
  const sparse = (tensors: ReturnType<typeof scaleFactors>) =>
    trained([penalty({ tensors, kind: 'l1', strength: 0.1 })], 4);
  const plain = scalesOf((await trained([], 4)).weights);
  const run = await sparse(scaleFactors(graph, { channels, selection: halves }));
  const masked = scalesOf(run.weights);
  const slimmed = scalesOf((await sparse(scaleFactors(graph))).weights);
  assert.ok(plain.largest > 0.5, `${plain.largest}`);
  assert.ok(masked.largest < 0.05, `${masked.largest}`);
  assert.ok(Math.abs(masked.kept - plain.kept) < 0.15 * plain.kept, `${masked.kept} and ${plain.kept}`);
  assert.ok(slimmed.kept < 0.7 * plain.kept, `${slimmed.kept} and ${plain.kept}`);
  assert.ok(run.epochs[3].test!.accuracy! > 0.8);
});

/** Two units of a filter, a scale and what reads them; the third position of the filter is nobody's. */
const pair: Channels = {
  frozen: [],
  groups: [
    {
      name: 'w',
      size: 2,
      members: [
        { tensor: 'w', axis: 0, role: 'out', positions: [[0], [2]] },
        { tensor: 'mean', axis: 0, role: 'along', positions: [[0], [1]] },
        {
          tensor: 'v',
          axis: 1,
          role: 'in',
          positions: [
            [0, 1],
            [2, 3],
          ],
        },
      ],
    },
  ],
};
const groupState = () =>
  stateOf({
    w: { shape: [3, 2], weight: [3, 4, 9, 9, 0, 1], gradient: [0, 0, 0, 0, 0, 0] },
    v: { shape: [2, 4], weight: [0, 0, 2, 0, 0, 0, 0, 2], gradient: [0, 0, 0, 0, 0, 0, 0, 0] },
  });

test('group sparsity pulls least at the largest unit and sixteen times as much at the smallest', async () => {
  const { state, gradient } = groupState();
  const hook = groupPenalty({ channels: pair, kind: 'depgraph', strength: 0.01 });
  await hook.start!(state);
  await hook.afterGradients!(state, 1);
  assert.deepEqual(rounded(gradient('w')), [0.03, 0.04, 0, 0, 0, 0.16]);
  assert.deepEqual(rounded(gradient('v')), [0, 0, 0.32, 0, 0, 0, 0, 0.32]);
  assert.deepEqual([...pulls(vector(1, 3, 2))], [16, 1, 4]);
  assert.deepEqual([...pulls(vector(2, 2))], [1, 1]);
});

test('units are scored anew at the end of an epoch, not before, and the scores survive', async () => {
  const { state, gradient } = groupState();
  const settings = { channels: pair, kind: 'depgraph', strength: 0.01 } as const;
  const hook = groupPenalty(settings);
  await hook.start!(state);
  state.network.parameters.get('w')!.weight.fill(0, 0, 2);
  const restored = groupPenalty(settings);
  restored.restore!(hook.save!(), state, hook.arrays!());
  await restored.afterGradients!(state, 1);
  assert.deepEqual(rounded(gradient('w')), [0, 0, 0, 0, 0, 0.16]);
  await restored.endEpoch!(state, 0);
  await restored.afterGradients!(state, 2);
  assert.deepEqual(rounded(gradient('w')), [0, 0, 0, 0, 0, 0.17]);
  const other = groupPenalty({ ...settings, kind: 'lasso' });
  assert.throws(() => other.restore!(hook.save!(), state, new Map()), /"depgraph".* not .*"lasso"/);
});

test('the group lasso is the unit vector of a unit', async () => {
  const { state, gradient } = groupState();
  await groupPenalty({ channels: pair, kind: 'lasso', strength: 0.5 }).start!(state);
  const hook = groupPenalty({ channels: pair, kind: 'lasso', strength: 0.5 });
  await hook.start!(state);
  await hook.afterGradients!(state, 1);
  assert.deepEqual(rounded(gradient('w')), rounded([0.3, 0.4, 0, 0, 0, 0.5 / 3]));
});

test('decay goes to 0 in a straight line, and the task counts less and less', async () => {
  const { state, gradient, weight } = stateOf({ w: { weight: [1, 1], gradient: [1, 1] } }, 10);
  const hook = decay({ tensors: new Map([['w', vector(0, 1)]]), until: 1, fade: 0.5 });
  await hook.start!(state);
  await hook.afterGradients!(state, 1);
  assert.deepEqual(rounded(gradient('w')), [1, 0.8]);
  for (let t = 1; t <= 10; t++) {
    await hook.afterUpdate!(state, t);
    assert.deepEqual(rounded(weight('w')), rounded([1, 1 - t / 10]));
  }
  await hook.afterGradients!(state, 6);
  assert.deepEqual(rounded(gradient('w')), [1, 0]);
  assert.equal(weight('w')[1], 0);
});

test('decay in a run: scales and shifts of what goes are exactly 0 at the end, the digits are learnt', async () => {
  const tensors = scaleFactors(graph, { channels, selection: halves, shifts: true });
  const { weights, epochs } = await trained([decay({ tensors })], 4);
  for (const [name, mark] of tensors)
    weights.get(name)!.forEach((w, i) => {
      assert.equal(w === 0, mark[i] === 1, `${name}[${i}]`);
    });
  assert.ok(epochs[3].test!.accuracy! > 0.8, `${epochs[3].test!.accuracy}`);
});

test('soft pruning sets filters to 0 after every epoch, and they grow in between', async () => {
  const names = channels.groups.flatMap(({ members }) =>
    members.filter(({ role }) => role === 'out').map(({ tensor }) => tensor),
  );
  const zeros: boolean[] = [];
  const hook = softFilters(channels, () => halves);
  const spy: Hook = {
    afterUpdate({ network, steps }, iteration) {
      const { weight, shape } = network.parameters.get(names[0])!;
      const filter = weight.subarray(weight.length / shape[0], (2 * weight.length) / shape[0]);
      if (iteration % steps === 5) zeros.push(filter.every((w) => w === 0));
    },
  };
  const { weights } = await trained([hook, spy]);
  assert.deepEqual(zeros, [false, false, false]);
  const filters = weights.get(names[0])!;
  const size = filters.length / 8;
  for (let k = 0; k < 8; k++) {
    const filter = filters.subarray(k * size, (k + 1) * size);
    assert.equal(
      filter.every((w) => w === 0),
      k % 2 === 1,
    );
  }
});
