import assert from 'node:assert/strict';
import { test } from 'node:test';
import { integer, random } from '../base/index.js';
import { type DType, emptyData, floatTensor, type Graph, int, sizeOf, type Tensor } from '../onnx/index.js';
import { expandModel } from './expand.js';
import { graphOf } from './graph.test.fixture.js';
import { inRealNumbers, nearestStored, openQuantized, quantizerOf } from './quantized.js';
import { answerInDoubles } from './reference/model.js';

function drawn(name: string, dtype: DType, shape: number[], least: number, most: number): Tensor {
  const r = random(3, name);
  const data = emptyData(dtype, sizeOf(shape)) as Int8Array;
  for (let i = 0; i < data.length; i++) data[i] = least + integer(r, most - least + 1);
  return { dtype, shape, data };
}

const scales = (...shape: number[]): Tensor =>
  floatTensor(
    shape,
    Array.from({ length: sizeOf(shape) }, (_, i) => 0.0137 * (i + 1)),
  );

/** y = x · w + b with weights as each case stores them, and a bias in int32. */
function quantizedModel(constants: Record<string, Tensor>, attributes: Record<string, number>): Graph {
  const given = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, int(value)]));
  return graphOf({
    inputs: { x: ['N', 6] },
    constants: {
      ...constants,
      b: drawn('b', 'int32', [4], -70000, 70000),
      bs: floatTensor([], [0.00013]),
      bz: { dtype: 'int32', shape: [], data: Int32Array.of(0) },
    },
    nodes: [
      ['Identity', ['wz'], 'zero'],
      ['DequantizeLinear', ['w', 'ws', 'zero'], 'real', given],
      ['DequantizeLinear', ['b', 'bs', 'bz'], 'bias'],
      ['MatMul', ['x', 'real'], 'product'],
      ['Add', ['product', 'bias'], 'y'],
    ],
    outputs: { y: ['N', 4] },
    opset: 21,
  });
}

const cases: [what: string, constants: Record<string, Tensor>, attributes: Record<string, number>][] = [
  [
    'one scale for a tensor of int8',
    {
      w: drawn('a', 'int8', [6, 4], -128, 127),
      ws: scales(),
      wz: { dtype: 'int8', shape: [], data: Int8Array.of(0) },
    },
    {},
  ],
  [
    'uint8 with a scale and a zero point for each column',
    {
      w: drawn('c', 'uint8', [6, 4], 0, 255),
      ws: scales(4),
      wz: { dtype: 'uint8', shape: [4], data: Uint8Array.of(128, 3, 255, 100) },
    },
    { axis: 1 },
  ],
  [
    'int4 in blocks of three rows',
    { w: drawn('d', 'int4', [6, 4], -8, 7), ws: scales(2, 4), wz: drawn('e', 'int4', [2, 4], -3, 3) },
    { axis: 0, block_size: 3 },
  ],
];

for (const [what, constants, attributes] of cases)
  test(`weights are opened, and stored again as they were: ${what}`, () => {
    const graph = quantizedModel(constants, attributes);
    const opened = openQuantized(graph);
    assert.deepEqual([...expandModel(graph).learnt.keys()], []);
    assert.deepEqual([...expandModel(opened).learnt.keys()], ['w', 'b']);
    assert.deepEqual([...expandModel(opened).prunable.keys()], ['w']);
    const x = { shape: [1, 6], data: Float32Array.of(0.3, -1, 2, 0.5, -0.7, 1.1) };
    const [is, should] = [opened, graph].map((one) => answerInDoubles(one, { x }).y.data as Float64Array);
    for (const [i, value] of should.entries())
      assert.ok(Math.abs(is[i] - value) <= 1e-6 * Math.max(1, Math.abs(value)), `${is[i]} ${value}`);
    const store = quantizerOf(graph);
    for (const name of ['w', 'b'])
      assert.deepEqual(
        store(name, opened.initializers.get(name)!.data as Float32Array),
        graph.initializers.get(name),
      );
    assert.equal(store('ws', new Float32Array(1)), undefined);
  });

test('what is stored is the nearest level, of two the even one, within what the type holds', () => {
  const constants = {
    w: { dtype: 'uint8' as const, shape: [6, 1], data: new Uint8Array(6) },
    ws: floatTensor([], [0.5]),
    wz: { dtype: 'uint8' as const, shape: [], data: Uint8Array.of(10) },
  };
  const store = quantizerOf(quantizedModel(constants, {}));
  const stored = store('w', Float32Array.of(0.25, 0.75, -0.25, 0.6, -100, 1000))!;
  assert.deepEqual([...(stored.data as Uint8Array)], [10, 12, 10, 11, 0, 255]);
});

test('what is computed is what would be stored, also beyond what the type holds', () => {
  const [, constants] = cases[0];
  const opened = openQuantized(quantizedModel(constants, {}));
  const w = Float32Array.from({ length: 24 }, (_, i) => (i === 0 ? 9 : 0.01 * i));
  const initializers = new Map([...opened.initializers, ['w', floatTensor([6, 4], w)] as const]);
  const x = { shape: [1, 6], data: Float32Array.of(1, 2, 3, 4, 5, 6) };
  const { y } = answerInDoubles({ ...opened, initializers }, { x });
  const levels = w.map((value) => Math.max(-128, Math.min(127, Math.round(value / 0.0137))) * 0.0137);
  const product = [0, 1].map((o) => x.data.reduce((sum, value, i) => sum + value * levels[4 * i + o], 0));
  const bias = [0, 1].map((o) => Number(opened.initializers.get('b')!.data[o]));
  for (const o of [0, 1]) assert.ok(Math.abs((y.data as Float64Array)[o] - product[o] - bias[o]) < 1e-3);
});

test('whole numbers that something else reads, too, stay what they are', () => {
  const [, constants] = cases[0];
  const graph = quantizedModel(constants, {});
  const cast = { name: 'c', op: 'Cast', domain: '', inputs: ['w'], outputs: ['c'] };
  const nodes = [...graph.nodes, { ...cast, attributes: { to: int(1) } }];
  const opened = openQuantized({ ...graph, nodes });
  assert.equal(opened.initializers.get('w'), graph.initializers.get('w'));
  assert.equal(opened.initializers.get('b')!.dtype, 'float32');
});

test('what operators take as whole numbers is real to look at, and stays what it is to compute with', () => {
  const w = drawn('f', 'int8', [6, 4], -128, 127);
  const graph = graphOf({
    inputs: { x: ['N', 6] },
    constants: {
      w,
      wz: drawn('g', 'int8', [4], -5, 5),
      one: floatTensor([], [0.1]),
      zero: { dtype: 'uint8', shape: [], data: Uint8Array.of(9) },
      ws: scales(4),
    },
    nodes: [
      ['QuantizeLinear', ['x', 'one', 'zero'], 'q'],
      ['QLinearMatMul', ['q', 'one', 'zero', 'w', 'ws', 'wz', 'one', 'zero'], 'p'],
      ['DequantizeLinear', ['p', 'one', 'zero'], 'y'],
    ],
    outputs: { y: ['N', 4] },
  });
  assert.equal(openQuantized(graph), graph);
  const real = inRealNumbers(graph).initializers.get('w')!;
  const zeros = graph.initializers.get('wz')!.data;
  for (const [i, value] of (real.data as Float32Array).entries())
    assert.ok(Math.abs(value - (Number(w.data[i]) - Number(zeros[i % 4])) * 0.0137 * ((i % 4) + 1)) < 1e-5);
  assert.deepEqual(quantizerOf(graph)('w', real.data as Float32Array), w);
});

test('scales of 0 are no levels to train on', () => {
  const [, constants] = cases[1];
  const graph = quantizedModel({ ...constants, ws: floatTensor([4], [0.1, 0, 0.2, 0.3]) }, { axis: 1 });
  assert.equal(openQuantized(graph).initializers.get('w'), graph.initializers.get('w'));
});

test('the nearest number that can be stored is not 0, unless the number is', () => {
  const graph = quantizedModel(
    {
      w: { dtype: 'uint8', shape: [6, 1], data: new Uint8Array(6) },
      ws: floatTensor([], [0.5]),
      wz: { dtype: 'uint8', shape: [], data: Uint8Array.of(0) },
    },
    {},
  );
  const nearest = nearestStored(graph)('w')!;
  assert.deepEqual(
    [0, 0.1, -0.1, 0.76, -3, 1000].map((value) => nearest(value, 0)),
    [0, 0.5, 0.5, 1, 0.5, 127.5],
  );
  assert.equal(nearestStored(graph)('ws'), undefined);
});
