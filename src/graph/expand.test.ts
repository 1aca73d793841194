/** From ONNX graphs to core graphs: what is folded, what is learnt, what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../base/index.js';
import {
  floatTensor,
  type Graph,
  int,
  intTensor,
  type Node,
  newSource,
  type Tensor,
  type Value,
} from '../onnx/index.js';
import { expandModel, sampleShape } from './expand.js';

const node = (
  op: string,
  inputs: string[],
  outputs: string[],
  attributes: Node['attributes'] = {},
): Node => ({
  name: `${op}-${outputs[0]}`,
  op,
  domain: '',
  inputs,
  outputs,
  attributes,
});

const graph = (
  inputs: Value[],
  nodes: Node[],
  initializers: Record<string, Tensor>,
  output: string,
): Graph => ({
  name: 'test',
  inputs,
  outputs: [{ name: output, dtype: 'float32' }],
  nodes,
  initializers: new Map(Object.entries(initializers)),
  declared: new Map(),
  source: newSource(15),
});

const image = (...shape: Value['shape'] & object): Value => ({ name: 'x', dtype: 'float32', shape });
const values = (n: number) => floatTensor([n], new Float32Array(n).fill(1));

test('shape arithmetic is folded away', () => {
  const model = graph(
    [image('N', 3, 4, 5)],
    [
      node('Shape', ['x'], ['s']),
      node('Gather', ['s', 'zero'], ['n'], { axis: int(0) }),
      node('Unsqueeze', ['n', 'axes'], ['n1']),
      node('Concat', ['n1', 'rest'], ['to'], { axis: int(0) }),
      node('Reshape', ['x', 'to'], ['y']),
    ],
    { zero: intTensor([], [0]), axes: intTensor([1], [0]), rest: intTensor([1], [-1]) },
    'y',
  );
  const { tape, values } = expandModel(model);
  assert.deepEqual(
    tape.nodes.map((n) => n.op),
    ['reshape'],
  );
  assert.deepEqual(tape.type(values.get('y')!), { dtype: 'float32', shape: [1, 60], laned: true });
});

test('what is learnt, what may be pruned, what are statistics', () => {
  const model = graph(
    [image(1, 2, 4, 4)],
    [
      node('Conv', ['x', 'w', 'b'], ['c']),
      node('BatchNormalization', ['c', 'scale', 'shift', 'mean', 'variance'], ['n']),
      node('Mul', ['n', 'two'], ['y']),
    ],
    {
      w: floatTensor([3, 2, 1, 1], [1, 2, 3, 4, 5, 6]),
      b: values(3),
      scale: values(3),
      shift: values(3),
      mean: values(3),
      variance: values(3),
      two: floatTensor([], [2]),
    },
    'y',
  );
  const { learnt, prunable, state, tape } = expandModel(model);
  assert.deepEqual([...learnt.keys()], ['w', 'b', 'scale', 'shift']);
  assert.deepEqual([...prunable.keys()], ['w']);
  assert.deepEqual([...state], ['mean', 'variance']);
  assert.equal(learnt.get('w')!.op, 'Conv');
  assert.ok(!tape.nodes.some((n) => n.op === 'normalize'));
  assert.ok(expandModel(model, { training: true }).tape.nodes.some((n) => n.op === 'normalize'));
});

test('a weight of two layers is one parameter, named by the first', () => {
  const model = graph(
    [image(1, 2, 4, 4)],
    [node('Conv', ['x', 'w'], ['c']), node('Conv', ['c', 'w'], ['y'])],
    { w: floatTensor([2, 2, 1, 1], [1, 2, 3, 4]) },
    'y',
  );
  const { learnt } = expandModel(model);
  assert.deepEqual(
    [...learnt].map(([name, n]) => [name, n.name]),
    [['w', 'Conv-c']],
  );
});

test('the batch stands as one; other open dimensions must be given', () => {
  assert.deepEqual(sampleShape(image('N', 3, 32, 32)), [1, 3, 32, 32]);
  assert.deepEqual(sampleShape(image(undefined, 10)), [1, 10]);
  assert.deepEqual(sampleShape(image(4, 10)), [4, 10]);
  assert.deepEqual(sampleShape(image('N', 3, 'H', 'W'), { x: [2, 3, 8, 8] }), [2, 3, 8, 8]);
  for (const [value, words] of [
    [
      image('N', 3, 'H', 'W'),
      /leaves its dimension 2 \('H'\) open; give its shape, e\.g\. --input-shape x=1,3,224,224\.$/,
    ],
    [image('N', 'C', 32, 'W'), /--input-shape x=1,3,32,224\.$/],
    [image('N', 'T', 80), /--input-shape x=1,16,80\.$/],
    [
      { name: 'x', dtype: 'float32' } as Value,
      /declares no shape; give one, e\.g\. --input-shape x=1,3,224,224\.$/,
    ],
    [{ name: 'ids', dtype: 'int64' } as Value, /--input-shape ids=1,16\.$/],
    [
      { name: 'ids', dtype: 'int64', shape: ['N', 'T'] } as Value,
      /dimension 1 \('T'\) open.*--input-shape ids=1,16\.$/,
    ],
  ] as const)
    assert.throws(
      () => sampleShape(value),
      (error) => error instanceof UserError && words.test(error.message),
    );
});

test('one sentence says what is to be given for all inputs', () => {
  const input = (name: string, ...shape: (number | string)[]): Value => ({ name, dtype: 'float32', shape });
  const inputs = [
    input('x', 'batch', 'T'),
    input('h', 2, 'batch', 64),
    input('rate'),
    input('mask', 'batch', 'T'),
  ];
  inputs[2].shape = [];
  const refused = (given?: Record<string, number[]>) => {
    try {
      for (const value of inputs) sampleShape(value, given, inputs);
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };
  assert.match(refused(), /^Input 'x' .*--input-shape 'x=1,16 h=2,1,64 mask=1,16'\.$/);
  assert.match(refused({ x: [1, 99] }), /^Input 'h' .*--input-shape 'x=1,99 h=2,1,64 mask=1,16'\.$/);
  assert.equal(refused({ x: [1, 99], h: [2, 1, 64], mask: [1, 99] }), '');
});

test('an unknown operator is named', () => {
  const model = graph([image(1, 2)], [node('Quaternion', ['x'], ['y'])], {}, 'y');
  assert.throws(
    () => expandModel(model),
    (error) => error instanceof UserError && /Quaternion/.test(error.message),
  );
});

test('a weight behind an Identity and a Transpose is learnt and prunable as the initialiser it is', () => {
  const model = graph(
    [image('N', 4)],
    [
      node('Identity', ['w'], ['same']),
      node('Transpose', ['same'], ['turned']),
      node('MatMul', ['x', 'turned'], ['y']),
    ],
    { w: floatTensor([3, 4], new Float32Array(12)) },
    'y',
  );
  const { learnt, prunable } = expandModel(model);
  assert.deepEqual([...learnt.keys()], ['w']);
  assert.deepEqual([...prunable.keys()], ['w']);
});
