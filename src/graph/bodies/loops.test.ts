/** Loops and Scans: what they compute beside onnxruntime, their gradients beside differences, what they weigh, and what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { floatTensor, int, parseModel, serializeModel } from '../../onnx/index.js';
import { batchOf } from '../batch.js';
import { expandModel } from '../expand.js';
import { summarize } from '../facts/summary.js';
import type { Sketch } from '../graph.test.fixture.js';
import { agrees, given } from '../ops/against.test.fixture.js';
import { gradientsAgree } from '../ops/gradients.test.fixture.js';
import { modelReach } from '../reach.js';
import { bodyAttribute, loopCases, readFrom } from './loops.test.fixture.js';

for (const { name, sketch, shapes } of loopCases) {
  test(`${name}: beside onnxruntime`, async () => {
    const inputs = Object.fromEntries(
      Object.entries(shapes).map(([input, shape], i) => [input, given({ shape }, i)]),
    );
    const graph = await readFrom(sketch);
    await agrees(graph, inputs, 1e-5, shapes);
    await agrees(await parseModel(serializeModel(graph)), inputs, 1e-5, shapes);
  });

  test(`${name}: gradients beside differences`, async () => {
    const one = ([first, ...rest]: number[], input: string) =>
      sketch.inputs[input][0] === 'N' ? [1, ...rest] : [first, ...rest];
    gradientsAgree(
      await readFrom(sketch),
      (input, s) => given({ shape: one(shapes[input], input) }, 10 * s + input.length),
      6,
    );
  });
}

test('weights inside a body are trained, weighed and pruned as those of any layer', async () => {
  const graph = await readFrom(loopCases[0].sketch);
  const { learnt, prunable } = expandModel(graph);
  assert.deepEqual([...learnt.keys()], ['begin', 'w', 'r', 'b']);
  assert.deepEqual([...prunable.keys()], ['begin', 'w', 'r']);
  const { params, macs, unknown } = summarize(graph);
  assert.equal(params, 4 * 6 + 4 * 6 + 6 * 6 + 6);
  assert.equal(macs, 4 * 6 + 5 * (4 * 6 + 6 * 6));
  assert.deepEqual(unknown, []);
});

test('samples stay apart in a loop, and are found to', async () => {
  const { sketch } = loopCases[0];
  const first = (outputs: Sketch['outputs']) => readFrom({ ...sketch, outputs });
  const shapes = { x: [1, 5, 4] };
  assert.deepEqual(batchOf(await first({ last: undefined })), { kind: 'open', together: true, shapes });
  assert.deepEqual(batchOf(await first({ all: undefined })), { kind: 'open', together: false, shapes });
});

test('a file gets back what a Loop has in it, under names that are its own', async () => {
  const { sketch } = loopCases[0];
  const twice = await readFrom({
    ...sketch,
    nodes: [...sketch.nodes, ['Loop', ['rounds', 'yes', 'last'], ['again', 'more'], sketch.nodes.at(-1)![3]]],
    outputs: { again: undefined, more: undefined },
  });
  assert.deepEqual(
    [...twice.initializers.keys()].filter((name) => name.startsWith('w')),
    ['w_2', 'w_3'],
  );
  await agrees(twice, { x: given({ shape: [2, 5, 4] }) }, 1e-5, { x: [2, 5, 4] });
});

const refusals: [what: string, change: (sketch: Sketch) => Sketch, message: RegExp][] = [
  [
    'a number of rounds that data say',
    (sketch) => ({
      ...sketch,
      nodes: [
        ...sketch.nodes.slice(0, -1),
        ['ReduceMax', ['x'], 'largest', { keepdims: int(0) }],
        ['Cast', ['largest'], 'times', { to: int(7) }],
        ['Loop', ['times', 'yes', 'h0'], ['last', 'all'], sketch.nodes.at(-1)![3]],
      ],
    }),
    /Loop 'Loop last' goes for a number of rounds that is computed from data/,
  ],
  [
    'a condition that data say',
    (sketch) => ({
      ...sketch,
      nodes: [
        ...sketch.nodes.slice(0, -1),
        [
          'Loop',
          ['rounds', 'yes', 'h0'],
          ['last'],
          {
            body: bodyAttribute({
              dtypes: { i: 'int64', goes: 'bool', on: 'bool' },
              inputs: { i: [], goes: [], h: ['N', 6] },
              nodes: [
                ['Tanh', ['h'], 'next'],
                ['ReduceMax', ['h'], 'largest', { keepdims: int(0) }],
                ['Less', ['largest', 'limit'], 'on'],
              ],
              outputs: { on: [], next: ['N', 6] },
              constants: { limit: floatTensor([], [1]) },
            }),
          },
        ],
      ],
      outputs: { last: undefined },
    }),
    /Loop 'Loop last' goes on for as long as data say/,
  ],
  [
    'a value that grows',
    (sketch) => ({
      ...sketch,
      nodes: [
        ...sketch.nodes.slice(0, -1),
        [
          'Loop',
          ['rounds', 'yes', 'h0'],
          ['last'],
          {
            body: bodyAttribute({
              dtypes: { i: 'int64', goes: 'bool', on: 'bool' },
              inputs: { i: [], goes: [], h: ['N', 'M'] },
              nodes: [
                ['Concat', ['h', 'h0'], 'next', { axis: int(1) }],
                ['Identity', ['goes'], 'on'],
              ],
              outputs: { on: [], next: ['N', 'M'] },
            }),
          },
        ],
      ],
      outputs: { last: undefined },
    }),
    /Loop 'Loop last' hands on a value of shape \[1,6\] as one of shape \[1,12\]/,
  ],
];

for (const [what, change, message] of refusals)
  test(`${what} leaves a Loop as it is`, async () => {
    const graph = await readFrom(change(loopCases[0].sketch));
    assert.throws(() => expandModel(graph), { name: 'UserError', message });
    assert.deepEqual(
      [...modelReach(graph)!.causes.keys()].map(({ op }) => op),
      ['Loop'],
    );
  });
