/** What explain says is what is computed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, formulaText, input } from '../graph/index.js';
import { type ExplainOptions, explainModel } from './explain.js';

const model = 'resnet8';
const programs: Record<string, Partial<ExplainOptions>> = {
  'the runtime': {},
  'the engine': { batch: 16 },
  'a train step': { train: true, batch: 16 },
};

for (const [title, options] of Object.entries(programs))
  test(`${title}: every core node is computed in some unit, and every word of a step has a name`, async () => {
    const { core, units, places, steps, what } = await explainModel({ model, ...options });
    assert.equal(what, options.train ? 'train step' : 'inference');
    const computed = new Set(units.flatMap((unit) => unit.core));
    assert.deepEqual(
      core.filter(({ index }) => !computed.has(index)),
      [],
    );
    const known = new Set([...core.flatMap(({ outputs }) => outputs.map(({ name }) => name))]);
    const made = steps.filter(({ makes }) => makes !== undefined && known.has(makes));
    assert.ok(made.length > 0.9 * steps.length, 'steps say what they make');
    for (const { words, kernel } of steps) {
      assert.equal(
        new Set(words.map(({ name }) => name)).size,
        words.length,
        `${kernel}: names are told apart`,
      );
      for (const { kind, value } of words)
        if (['read', 'write', 'update', 'scratch'].includes(kind)) assert.match(value, /^([bct]\d+.*|-1)$/);
    }
    for (const { shape, strides } of places) assert.equal(shape.length, strides.length);
    const layers = new Set(core.map(({ layer }) => layer));
    assert.ok(layers.has('layer1.0.conv1') && layers.has('linear'));
  });

test('fusion is seen: a formula takes in the sum and the activation behind a convolution', async () => {
  const { core, units } = await explainModel({ model, batch: 16 });
  const [sum] = core.filter(({ layer }) => layer === 'layer1.0.bn2.add');
  const unit = units.find((one) => one.core.includes(sum.index))!;
  assert.ok(unit.core.length > 1, 'it is fused with others');
  assert.ok(unit.layers.includes('layer1.0.bn2.add.relu'));
  assert.match(unit.makes[0], / = relu\(.* \+ .*\)/);
});

test('filters leave what belongs to a layer, or to a step', async () => {
  const layer = 'layer2.0.conv2';
  const one = await explainModel({ model, train: true, batch: 16, layer });
  assert.ok(one.core.length >= 3, 'forward and both gradients');
  assert.ok([...one.core, ...one.steps].every((own) => own.layer === layer));
  assert.ok(one.units.every(({ layers }) => layers.includes(layer)));
  const weight = one.places.find(({ value }) => value === `${layer}.weight`);
  assert.deepEqual(weight?.strides, [288, 9, 3, 1]);
  const { steps } = await explainModel({ model, step: 2 });
  assert.deepEqual(
    steps.map(({ index }) => index),
    [2],
  );
});

test('a layer or a step that is not there is refused in a sentence', async () => {
  await assert.rejects(
    explainModel({ model, layer: 'nowhere' }),
    /The program has no step for a node 'nowhere'; some of its nodes are: conv1,/,
  );
  await assert.rejects(explainModel({ model, step: 5000 }), /has no step 5000; its steps are 0 to \d+\./);
});

test('formulas are written with signs and brackets', () => {
  const [a, b] = [input(0), input(1)];
  const e = call('mul', call('add', a, b), call('neg', call('max', b, 0)));
  assert.equal(formulaText(e, ['x', 'y']), '(x + y) · (−max(y, 0))');
  assert.equal(formulaText(call('choose', call('greater', a, 0), a, 0.5), ['x']), 'choose(x > 0, x, 0.5)');
});

test('what a GPU would do is told without one', async () => {
  const told = await explainModel({ model, train: true, batch: 16, engine: 'webgpu' });
  const { machine, runtime, gpu, steps } = told;
  assert.deepEqual([machine, runtime], ['webgpu', 'espalier']);
  assert.ok(gpu!.dispatches > 20 && gpu!.dispatches < steps.length, String(gpu!.dispatches));
  assert.deepEqual([gpu!.update, gpu!.microBatch], [1, 16]);
  const half = await explainModel({ model, train: true, batch: 8, engine: 'webgpu' });
  assert.equal(gpu!.flops, 2 * half.gpu!.flops);
  const { flops, bytes, floors } = gpu!;
  assert.deepEqual(floors, { card: 'H100', arithmeticMs: flops / 67e9, memoryMs: bytes / 3e9 });
  const one = await explainModel({ model, engine: 'webgpu' });
  assert.deepEqual([one.runtime, one.gpu!.update], ['espalier', undefined]);
  const share = one.gpu!.flops / (flops / 16);
  assert.ok(share > 1 / 3 && share < 0.4, `a third, but for the first layer: ${share}`);
  assert.equal((await explainModel({ model })).gpu, undefined);
});
