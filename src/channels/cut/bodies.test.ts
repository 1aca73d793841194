/** Channels of what Loops and Scans repeat: which there are, and that masked and shrunk networks compute the same. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Machine, openMachine } from '../../engine/index.js';
import { bodyAttribute, readFrom } from '../../graph/bodies/loops.test.fixture.js';
import type { Sketch } from '../../graph/graph.test.fixture.js';
import { floatTensor, int, intList, intTensor } from '../../onnx/index.js';
import { halved, sameComputed } from '../equivalence.test.fixture.js';
import { findChannels } from '../find/groups.js';
import { frozenInWords, groupsInWords } from '../sketch.test.fixture.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 1 });
});
after(() => machine.close());

interface LoopCase {
  name: string;
  sketch: Sketch;
  groups: string[];
  frozen?: RegExp;
}

const loop = { dtypes: { i: 'int64', goes: 'bool', on: 'bool' } } as const;
const goesOn: Sketch['nodes'][number] = ['Identity', ['goes'], 'on'];
const given = { i: [], goes: [] };
const constants = {
  rounds: intTensor([], [5]),
  yes: { dtype: 'bool' as const, shape: [], data: Uint8Array.of(1) },
  hidden: intTensor([1], [8]),
  one: intTensor([1], [1]),
  axis0: intTensor([1], [0]),
};
const zeros = { value: { type: 'tensor' as const, value: floatTensor([1], [0]) } };

/** The state [N, 8] of a Loop, as exporters begin it: zeros, as many as the input has samples. */
const begun: Sketch['nodes'] = [
  ['Shape', ['x'], 'shape'],
  ['Slice', ['shape', 'axis0', 'one'], 'samples'],
  ['Concat', ['samples', 'hidden'], 'size', { axis: int(0) }],
  ['ConstantOfShape', ['size'], 'h0', zeros],
];

const cases: LoopCase[] = [
  {
    name: 'a cell between layers',
    groups: ['6: before.1 out, w.0 in', '8: w.1 out, r.0 in, r.1 out, b.0 along, behind.0 in'],
    sketch: {
      inputs: { x: ['N', 5, 4] },
      nodes: [
        ['MatMul', ['x', 'before'], 'low'],
        ['Relu', ['low'], 'seen'],
        ...begun,
        [
          'Loop',
          ['rounds', 'yes', 'h0'],
          ['last', 'all'],
          {
            body: bodyAttribute({
              ...loop,
              inputs: { ...given, h: ['N', 8] },
              nodes: [
                ['Gather', ['seen', 'i'], 'entry', { axis: int(1) }],
                ['MatMul', ['entry', 'w'], 'a'],
                ['MatMul', ['h', 'r'], 'c'],
                ['Add', ['a', 'c'], 'sum'],
                ['Add', ['sum', 'b'], 'biased'],
                ['Tanh', ['biased'], 'next'],
                ['Identity', ['next'], 'out'],
                goesOn,
              ],
              outputs: { on: [], next: ['N', 8], out: ['N', 8] },
              weights: { w: [6, 8], r: [8, 8], b: [8] },
            }),
          },
        ],
        ['MatMul', ['last', 'behind'], 'y'],
        ['MatMul', ['all', 'behind'], 'z'],
      ],
      outputs: { y: undefined, z: undefined },
      weights: { before: [4, 6], behind: [8, 2] },
      constants,
    },
  },
  {
    name: 'gates that are split, and shapes that are written down in the body',
    groups: ['8: w.0 out ×3, wb.0 along ×3, r.0 out ×3, r.1 in, rb.0 along ×3, behind.0 in'],
    sketch: {
      inputs: { x: ['N', 5, 4] },
      nodes: [
        ...begun,
        [
          'Loop',
          ['rounds', 'yes', 'h0'],
          ['last'],
          {
            body: bodyAttribute({
              ...loop,
              inputs: { ...given, h: ['N', 8] },
              nodes: [
                ['Gather', ['x', 'i'], 'entry', { axis: int(1) }],
                ['Gemm', ['entry', 'w', 'wb'], 'gx', { transB: int(1) }],
                ['Gemm', ['h', 'r', 'rb'], 'gh', { transB: int(1) }],
                ['Split', ['gx', 'thirds'], ['xr', 'xz', 'xn'], { axis: int(1) }],
                ['Split', ['gh', 'thirds'], ['hr', 'hz', 'hn'], { axis: int(1) }],
                ['Add', ['xr', 'hr'], 'r0'],
                ['Sigmoid', ['r0'], 'reset'],
                ['Add', ['xz', 'hz'], 'z0'],
                ['Sigmoid', ['z0'], 'update'],
                ['Mul', ['reset', 'hn'], 'rn'],
                ['Add', ['xn', 'rn'], 'n0'],
                ['Tanh', ['n0'], 'fresh'],
                ['Sub', ['h', 'fresh'], 'far'],
                ['Mul', ['update', 'far'], 'moved'],
                ['Add', ['fresh', 'moved'], 'made'],
                ['Reshape', ['made', 'lifted'], 'high'],
                ['Reshape', ['high', 'flat'], 'next'],
                goesOn,
              ],
              outputs: { on: [], next: ['N', 8] },
              weights: { w: [24, 4], wb: [24], r: [24, 8], rb: [24] },
              constants: {
                thirds: intTensor([3], [8, 8, 8]),
                lifted: intTensor([3], [-1, 1, 8]),
                flat: intTensor([2], [-1, 8]),
              },
            }),
          },
        ],
        ['MatMul', ['last', 'behind'], 'y'],
      ],
      outputs: { y: undefined },
      weights: { behind: [8, 2] },
      constants,
    },
  },
  {
    name: 'units that only the body knows, and a state that is an answer',
    groups: ['7: up.1 out, b.0 along, down.0 in'],
    sketch: {
      inputs: { x: ['N', 4] },
      nodes: [
        [
          'Loop',
          ['rounds', 'yes', 'x'],
          ['y'],
          {
            body: bodyAttribute({
              ...loop,
              inputs: { ...given, h: ['N', 4] },
              nodes: [
                ['MatMul', ['h', 'up'], 'wide'],
                ['Add', ['wide', 'b'], 'biased'],
                ['Relu', ['biased'], 'seen'],
                ['MatMul', ['seen', 'down'], 'narrow'],
                ['Add', ['h', 'narrow'], 'next'],
                goesOn,
              ],
              outputs: { on: [], next: ['N', 4] },
              weights: { up: [4, 7], b: [7], down: [7, 4] },
            }),
          },
        ],
      ],
      outputs: { y: undefined },
      constants,
    },
  },
  {
    name: 'a Scan of convolutions',
    groups: ['6: first.0 out, second.1 in', '5: second.0 out, behind.1 in'],
    sketch: {
      inputs: { x: [3, 1, 2, 6, 6] },
      nodes: [
        [
          'Scan',
          ['x'],
          ['all'],
          {
            num_scan_inputs: int(1),
            body: bodyAttribute({
              inputs: { p: [1, 2, 6, 6] },
              nodes: [
                ['Conv', ['p', 'first'], 'a', { pads: intList([1, 1, 1, 1]) }],
                ['Relu', ['a'], 'seen'],
                ['Conv', ['seen', 'second'], 'out', { pads: intList([1, 1, 1, 1]) }],
              ],
              outputs: { out: [1, 5, 6, 6] },
              weights: { first: [6, 2, 3, 3], second: [5, 6, 3, 3] },
            }),
          },
        ],
        ['Squeeze', ['all', 'one'], 'images'],
        ['Conv', ['images', 'behind'], 'y'],
      ],
      outputs: { y: undefined },
      weights: { behind: [2, 5, 1, 1] },
      constants,
    },
  },
  {
    name: 'a shape that the body computes keeps what it regroups',
    groups: [],
    frozen: /their number is fixed by Reshape 'Reshape seen' in Loop 'Loop y'/,
    sketch: {
      inputs: { x: ['N', 4] },
      nodes: [
        [
          'Loop',
          ['rounds', 'yes', 'x'],
          ['y'],
          {
            body: bodyAttribute({
              ...loop,
              inputs: { ...given, h: ['N', 4] },
              nodes: [
                ['MatMul', ['h', 'up'], 'wide'],
                ['Concat', ['minus', 'eight'], 'shape', { axis: int(0) }],
                ['Reshape', ['wide', 'shape'], 'seen'],
                ['MatMul', ['seen', 'down'], 'next'],
                goesOn,
              ],
              outputs: { on: [], next: ['N', 4] },
              weights: { up: [4, 8], down: [8, 4] },
              constants: { minus: intTensor([1], [-1]), eight: intTensor([1], [8]) },
            }),
          },
        ],
      ],
      outputs: { y: undefined },
      constants,
    },
  },
];

for (const { name, sketch, groups, frozen } of cases)
  test(name, async () => {
    const graph = await readFrom(sketch);
    const channels = findChannels(graph);
    assert.deepEqual(groupsInWords(channels), groups, frozenInWords(channels).join('\n'));
    if (frozen) assert.match(frozenInWords(channels).join('\n'), frozen);
    else {
      const open = typeof graph.inputs[0].shape![0] !== 'number';
      for (const seed of [1, 2])
        await sameComputed(graph, channels, halved(channels, seed), {
          ...{ machine, exact: true, batch: open ? 3 : 1 },
        });
    }
  });
