/** What a model takes, when it takes it, and its end. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { UserError } from '../base/index.js';
import { type Machine, openMachine } from '../engine/index.js';
import { buildNetwork } from '../nn/index.js';
import { floatTensor, type Graph, newSource, serializeModel } from '../onnx/index.js';
import { load } from './index.js';
import { modelOf } from './model.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

const lenet = buildNetwork('lenet5', { shape: [1, 28, 28], classes: 10, seed: 1 });
const image = (fill: number) => new Float32Array(784).fill(fill);
const refused = (words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof UserError, String(error));
  assert.match(error.message, words);
  return true;
};

/** y = table[ids + 0], a table of five rows of two. */
const embedding = (dtype: 'int64' | 'int32'): Graph => ({
  name: 'embedding',
  inputs: [{ name: 'ids', dtype, shape: [1, 3] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: [1, 3, 2] }],
  nodes: [
    { name: 'lookup', op: 'Gather', domain: '', inputs: ['table', 'ids'], outputs: ['y'], attributes: {} },
  ],
  initializers: new Map([
    [
      'table',
      floatTensor(
        [5, 2],
        Array.from({ length: 10 }, (_, i) => i),
      ),
    ],
  ]),
  declared: new Map(),
  source: newSource(13),
});

test('inputs are taken when run is called, with threads and without', async () => {
  // With no work allowed on the calling thread, runs wait for each other.
  for (const most of [0, undefined]) {
    const model = modelOf(lenet, { machine }, most);
    const one = image(0);
    const refilled = await Promise.all([1, 2, 3].map((fill) => model.run({ input: one.fill(fill) })));
    const apart = [];
    for (const fill of [1, 2, 3]) apart.push(await model.run({ input: image(fill) }));
    assert.deepEqual(refilled, apart);
    assert.notDeepEqual(apart[0], apart[1]);
    await model.close();
  }
});

test('ids come in any typed array or a plain one', async () => {
  const model = modelOf(embedding('int64'), { machine });
  const expected = Float32Array.of(8, 9, 0, 1, 4, 5);
  for (const ids of [
    BigInt64Array.of(4n, 0n, 2n),
    Int32Array.of(4, 0, 2),
    Float64Array.of(4, 0, 2),
    Float32Array.of(4, 0, -3),
    [4, 0, 2],
    [4n, 0n, 2n],
  ])
    assert.deepEqual((await model.run({ ids })).y, expected);
  await model.close();
});

test('real numbers come in any typed array', async () => {
  const model = modelOf(lenet, { machine });
  const expected = await model.run({ input: image(2) });
  assert.deepEqual(await model.run({ input: new Uint8Array(784).fill(2) }), expected);
  assert.deepEqual(await model.run({ input: new Float64Array(784).fill(2) }), expected);
  assert.deepEqual(await model.run({ input: new BigInt64Array(784).fill(2n) }), expected);
  await model.close();
});

test('what is no number, or none that an input can take, is refused', async () => {
  const model = modelOf(embedding('int32'), { machine });
  const given: [unknown, RegExp][] = [
    ['012', /'ids' is not an array of numbers; give a typed array/],
    [new DataView(new ArrayBuffer(3)), /not an array of numbers/],
    [['0', '1', '2'], /not an array of numbers/],
    [null, /'ids' is missing/],
    [Float32Array.of(0, 1.5, 2), /is of int32, but its number 1 is 1.5; give whole numbers/],
    [Int32Array.of(0, 1, 2 ** 24 + 1), /its number 2 is 16777217/],
    [Float32Array.of(0, 1, Number.NaN), /its number 2 is NaN/],
    [Int32Array.of(0, 1), /'ids' has 2 numbers, but its shape \[1, 3\] needs 3/],
  ];
  for (const [ids, words] of given) await assert.rejects(model.run({ ids } as never), refused(words));
  await assert.rejects(model.run(undefined as never), refused(/'ids' is missing/));
  await assert.rejects(model.run([] as never), refused(/'ids' is missing/));
  await model.close();
});

test('rows that a table does not have are refused, and the next run is right', async () => {
  for (const [dtype, most] of [['int64', undefined] as const, ['int32', 0] as const]) {
    const model = modelOf(embedding(dtype), { machine }, most);
    for (const wrong of [5, -6, 5000])
      await assert.rejects(
        model.run({ ids: Float32Array.of(0, wrong, 1) }),
        refused(/node 'lookup' looks up an index outside of its table of 5 rows; give ids from 0 to 4/),
      );
    assert.deepEqual((await model.run({ ids: [4, 0, -1] })).y, Float32Array.of(8, 9, 0, 1, 8, 9));
    await model.close();
  }
});

test('a closed model runs no more, and closing it again takes nothing from others', async () => {
  const one = modelOf(lenet, { machine });
  await one.close();
  const other = modelOf(lenet, { machine });
  const expected = await other.run({ input: image(1) });
  await one.close();
  // Would lie where the second model does, if closing the first again had given that back.
  const third = modelOf(embedding('int64'), { machine });
  await third.run({ ids: [1, 2, 3] });
  await assert.rejects(one.run({ input: image(7) }), refused(/model is closed/));
  assert.deepEqual(await other.run({ input: image(1) }), expected);
  await Promise.all([other.close(), third.close()]);
});

test('a model may be closed while it runs', async () => {
  const model = modelOf(lenet, { machine }, 0);
  const expected = await model.run({ input: image(1) });
  const runs = [model.run({ input: image(1) }), model.run({ input: image(1) })];
  await model.close();
  for (const run of runs) assert.deepEqual(await run, expected);
});

test('a machine that is closed first is said, and the models on it close', async () => {
  const own = await openMachine({ threads: 1 });
  const model = modelOf(lenet, { machine: own });
  await own.close();
  await assert.rejects(model.run({ input: image(1) }), refused(/machine is closed/));
  await model.close();
});

test('bytes come in any buffer or view; what holds none is refused', async () => {
  const bytes = serializeModel(lenet);
  const whole = new ArrayBuffer(bytes.length);
  new Uint8Array(whole).set(bytes);
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  const expected = await loadedAnswer(bytes);
  for (const source of [whole, shared, new DataView(whole), Buffer.from(bytes), new Uint8ClampedArray(whole)])
    assert.deepEqual(await loadedAnswer(source), expected);
  for (const nothing of [undefined, null, 7, {}, [1, 2, 3]])
    await assert.rejects(load(nothing as never), refused(/loaded from a path, an address or its bytes/));
});

async function loadedAnswer(source: Parameters<typeof load>[0]) {
  const model = await load(source, { threads: 1 });
  const answer = await model.run({ input: image(1) });
  await model.close();
  await model.close();
  return answer;
}
