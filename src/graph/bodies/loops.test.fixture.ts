/** For tests: Loops and Scans in many forms, as files have them: weights inside their bodies, and values used from around them. */
import { unreadBody } from '../../onnx/body.test.fixture.js';
import {
  type Attribute,
  floatTensor,
  type Graph,
  int,
  intList,
  intTensor,
  parseModel,
  serializeModel,
  type Tensor,
} from '../../onnx/index.js';
import { graphOf, type Sketch } from '../graph.test.fixture.js';

/** A body as an attribute that has not been read. */
export const bodyAttribute = (sketch: Sketch): Attribute => unreadBody(graphOf(sketch));

/** The model as it is read from its file. */
export const readFrom = (sketch: Sketch): Promise<Graph> => parseModel(serializeModel(graphOf(sketch)));

export interface LoopCase {
  name: string;
  sketch: Sketch;
  /** Shapes of the inputs of one run. */
  shapes: Record<string, number[]>;
}

const scalar = (value: number): Tensor => intTensor([], [value]);
const truth = (value: boolean): Tensor => ({ dtype: 'bool', shape: [], data: Uint8Array.of(Number(value)) });
const cell = { dtypes: { i: 'int64', goes: 'bool', on: 'bool', counted: 'int64', count: 'int64' } } as const;
const goesOn: Sketch['nodes'][number] = ['Identity', ['goes'], 'on'];
const given = { i: [], goes: [] };
const whole = (constants: Record<string, Tensor>) => ({
  constants: { rounds: scalar(5), yes: truth(true), ...constants },
});

/** x [N, 5, 4], of which each round reads one entry, and the state h [N, 6]. */
const reads: Sketch['nodes'] = [
  ['Gather', ['x', 'i'], 'entry', { axis: int(1) }],
  ['MatMul', ['entry', 'w'], 'a'],
  ['MatMul', ['h', 'r'], 'c'],
  ['Add', ['a', 'c'], 's'],
  ['Add', ['s', 'b'], 'biased'],
  ['Tanh', ['biased'], 'next'],
];
const weights = { w: [4, 6], r: [6, 6], b: [6] };
const started: Sketch['nodes'] = [
  ['ReduceMean', ['x'], 'mean', { axes: intList([1]), keepdims: int(0) }],
  ['MatMul', ['mean', 'begin'], 'h0'],
];

const rnn = (rounds = 5): LoopCase => ({
  name: `a cell over ${rounds} rounds, as exporters write it`,
  shapes: { x: [2, 5, 4] },
  sketch: {
    inputs: { x: ['N', 5, 4] },
    nodes: [
      ...started,
      [
        'Loop',
        ['rounds', 'yes', 'h0'],
        ['last', 'all'],
        {
          body: bodyAttribute({
            ...cell,
            inputs: { ...given, h: ['N', 6] },
            nodes: [...reads, ['Mul', ['next', 'factor'], 'out'], goesOn],
            outputs: { on: [], next: ['N', 6], out: ['N', 6] },
            weights,
            constants: { factor: floatTensor([], [0.5]) },
          }),
        },
      ],
    ],
    outputs: { last: undefined, all: undefined },
    weights: { begin: [4, 6] },
    ...whole({ rounds: scalar(rounds) }),
  },
});

export const loopCases: LoopCase[] = [
  rnn(),
  rnn(1),
  {
    name: 'a condition that the number of the round decides',
    shapes: { x: [2, 5, 4] },
    sketch: {
      inputs: { x: ['N', 5, 4] },
      nodes: [
        ...started,
        [
          'Loop',
          ['', 'yes', 'h0', 'zero'],
          ['last', 'count', 'all', 'counts'],
          {
            body: bodyAttribute({
              ...cell,
              dtypes: { ...cell.dtypes, more: 'int64', shown: 'int64' },
              inputs: { ...given, h: ['N', 6], counted: [] },
              nodes: [
                ...reads,
                ['Add', ['counted', 'two'], 'more'],
                ['Less', ['more', 'seven'], 'on'],
                ['Identity', ['next'], 'out'],
                ['Identity', ['counted'], 'shown'],
              ],
              outputs: { on: [], next: ['N', 6], more: [], out: ['N', 6], shown: [] },
              weights,
              constants: { two: scalar(2), seven: scalar(7) },
            }),
          },
        ],
      ],
      outputs: { last: undefined, count: undefined, all: undefined, counts: undefined },
      dtypes: { count: 'int64', counts: 'int64' },
      weights: { begin: [4, 6] },
      ...whole({ zero: scalar(0) }),
    },
  },
  {
    name: 'nothing handed on, and numbers of the round as data',
    shapes: { x: [2, 3] },
    sketch: {
      inputs: { x: ['N', 3] },
      nodes: [
        [
          'Loop',
          ['rounds', ''],
          ['all'],
          {
            body: bodyAttribute({
              ...cell,
              inputs: given,
              nodes: [
                ['Cast', ['i'], 'number', { to: int(1) }],
                ['Add', ['number', 'one'], 'more'],
                ['Mul', ['x', 'more'], 'scaled'],
                ['Mul', ['scaled', 'v'], 'out'],
                goesOn,
              ],
              outputs: { on: [], out: ['N', 3] },
              weights: { v: [3] },
              constants: { one: floatTensor([], [1]) },
            }),
          },
        ],
      ],
      outputs: { all: undefined },
      ...whole({}),
    },
  },
  {
    name: 'values that change places, and one that stays',
    shapes: { x: [2, 3], y: [2, 3] },
    sketch: {
      inputs: { x: ['N', 3], y: ['N', 3] },
      nodes: [
        [
          'Loop',
          ['rounds', 'yes', 'x', 'y', 'm'],
          ['p', 'q', 'kept'],
          {
            body: bodyAttribute({
              ...cell,
              inputs: { ...given, a: ['N', 3], c: ['N', 3], k: [3, 3] },
              nodes: [
                ['MatMul', ['c', 'k'], 'turned'],
                ['Add', ['a', 'turned'], 'sum'],
                ['Identity', ['c'], 'first'],
                ['Identity', ['k'], 'same'],
                goesOn,
              ],
              outputs: { on: [], first: ['N', 3], sum: ['N', 3], same: [3, 3] },
            }),
          },
        ],
      ],
      outputs: { p: undefined, q: undefined, kept: undefined },
      weights: { m: [3, 3] },
      ...whole({}),
    },
  },
  {
    name: 'a window that moves on with the round',
    shapes: { x: [2, 3, 7] },
    sketch: {
      inputs: { x: ['N', 3, 7] },
      nodes: [
        [
          'Loop',
          ['rounds', 'yes'],
          ['all'],
          {
            body: bodyAttribute({
              ...cell,
              dtypes: { ...cell.dtypes, from: 'int64', to: 'int64' },
              inputs: given,
              nodes: [
                ['Unsqueeze', ['i', 'axis0'], 'from'],
                ['Add', ['from', 'width'], 'to'],
                ['Slice', ['x', 'from', 'to', 'axis2'], 'window'],
                ['MatMul', ['window', 'v'], 'out'],
                goesOn,
              ],
              outputs: { on: [], out: ['N', 3, 2] },
              weights: { v: [3, 2] },
              constants: {
                axis0: intTensor([1], [0]),
                axis2: intTensor([1], [2]),
                width: intTensor([1], [3]),
              },
            }),
          },
        ],
      ],
      outputs: { all: undefined },
      ...whole({}),
    },
  },
  {
    name: 'a window that moves back, and entries from the end',
    shapes: { x: [2, 3, 7] },
    sketch: {
      inputs: { x: ['N', 3, 7] },
      nodes: [
        [
          'Loop',
          ['rounds', 'yes'],
          ['all', 'others'],
          {
            body: bodyAttribute({
              ...cell,
              inputs: given,
              nodes: [
                ['Neg', ['i'], 'back'],
                ['Sub', ['back', 'one'], 'place'],
                ['Gather', ['x', 'place'], 'entry', { axis: int(2) }],
                ['Unsqueeze', ['place', 'axis0'], 'from'],
                ['Sub', ['from', 'width'], 'to'],
                ['Slice', ['x', 'from', 'to', 'last', 'down'], 'window'],
                ['Mul', ['entry', 'v'], 'out'],
                ['MatMul', ['window', 'm'], 'other'],
                goesOn,
              ],
              outputs: { on: [], out: ['N', 3], other: ['N', 3, 2] },
              weights: { v: [3], m: [2, 2] },
              constants: {
                one: scalar(1),
                axis0: intTensor([1], [0]),
                last: intTensor([1], [-1]),
                width: intTensor([1], [2]),
                down: intTensor([1], [-1]),
              },
            }),
          },
        ],
      ],
      outputs: { all: undefined, others: undefined },
      ...whole({}),
    },
  },
  {
    name: 'a condition that never holds',
    shapes: { x: [2, 3] },
    sketch: {
      inputs: { x: ['N', 3] },
      nodes: [
        [
          'Loop',
          ['rounds', 'no', 'x'],
          ['y'],
          {
            body: bodyAttribute({
              ...cell,
              inputs: { ...given, a: ['N', 3] },
              nodes: [['Relu', ['a'], 'next'], goesOn],
              outputs: { on: [], next: ['N', 3] },
            }),
          },
        ],
        ['Mul', ['y', 'v'], 'z'],
      ],
      outputs: { z: undefined },
      weights: { v: [3] },
      ...whole({ no: truth(false) }),
    },
  },
  {
    name: 'a Loop in a Loop, whose rounds differ',
    shapes: { x: [2, 3, 4] },
    sketch: {
      inputs: { x: ['N', 3, 4] },
      nodes: [
        ['ReduceMean', ['x'], 'h0', { axes: intList([1]), keepdims: int(0) }],
        [
          'Loop',
          ['three', 'yes', 'h0'],
          ['last'],
          {
            body: bodyAttribute({
              ...cell,
              inputs: { ...given, h: ['N', 4] },
              nodes: [
                ['Gather', ['x', 'i'], 'entry', { axis: int(1) }],
                [
                  'Loop',
                  ['rounds', 'yes', 'h'],
                  ['inner'],
                  {
                    body: bodyAttribute({
                      dtypes: { j: 'int64', holds: 'bool', still: 'bool' },
                      inputs: { j: [], holds: [], k: ['N', 4] },
                      nodes: [
                        ['MatMul', ['k', 'deep'], 'turned'],
                        ['Add', ['turned', 'entry'], 'sum'],
                        ['Sigmoid', ['sum'], 'made'],
                        ['Identity', ['holds'], 'still'],
                      ],
                      outputs: { still: [], made: ['N', 4] },
                      weights: { deep: [4, 4] },
                    }),
                  },
                ],
                ['Mul', ['inner', 'scale'], 'next'],
                goesOn,
              ],
              outputs: { on: [], next: ['N', 4] },
              weights: { scale: [4] },
            }),
          },
        ],
      ],
      outputs: { last: undefined },
      ...whole({ three: scalar(3), rounds: scalar(2) }),
    },
  },
  {
    name: 'Scan over two lists, with a state',
    shapes: { x: [5, 2, 4], y: [5, 2, 4], s: [2, 4] },
    sketch: {
      inputs: { x: [5, 2, 4], y: [5, 2, 4], s: [2, 4] },
      nodes: [
        [
          'Scan',
          ['s', 'x', 'y'],
          ['end', 'sums', 'passed'],
          {
            num_scan_inputs: int(2),
            body: bodyAttribute({
              inputs: { state: [2, 4], p: [2, 4], q: [2, 4] },
              nodes: [
                ['Mul', ['p', 'v'], 'weighed'],
                ['Add', ['state', 'weighed'], 'sum'],
                ['Tanh', ['sum'], 'next'],
                ['Sub', ['next', 'q'], 'out'],
                ['Identity', ['q'], 'through'],
              ],
              outputs: { next: [2, 4], out: [2, 4], through: [2, 4] },
              weights: { v: [4] },
            }),
          },
        ],
      ],
      outputs: { end: undefined, sums: undefined, passed: undefined },
    },
  },
  {
    name: 'Scan along other axes, one way and the other',
    shapes: { x: [2, 5, 4], y: [2, 4, 5] },
    sketch: {
      inputs: { x: ['N', 5, 4], y: ['N', 4, 5] },
      nodes: [
        ['ReduceMean', ['x'], 's', { axes: intList([1]), keepdims: int(0) }],
        [
          'Scan',
          ['s', 'x', 'y'],
          ['end', 'sums', 'others'],
          {
            num_scan_inputs: int(2),
            scan_input_axes: intList([1, -1]),
            scan_input_directions: intList([0, 1]),
            scan_output_axes: intList([1, -1]),
            scan_output_directions: intList([1, 0]),
            body: bodyAttribute({
              inputs: { state: ['N', 4], p: ['N', 4], q: ['N', 4] },
              nodes: [
                ['MatMul', ['state', 'r'], 'turned'],
                ['Add', ['turned', 'p'], 'sum'],
                ['Add', ['sum', 'q'], 'both'],
                ['Tanh', ['both'], 'next'],
                ['Mul', ['next', 'p'], 'out'],
                ['Neg', ['both'], 'other'],
              ],
              outputs: { next: ['N', 4], out: ['N', 4], other: ['N', 4] },
              weights: { r: [4, 4] },
            }),
          },
        ],
      ],
      outputs: { end: undefined, sums: undefined, others: undefined },
    },
  },
  {
    name: 'Scan without a state',
    shapes: { x: [4, 2, 3] },
    sketch: {
      inputs: { x: [4, 2, 3] },
      nodes: [
        [
          'Scan',
          ['x'],
          ['y'],
          {
            num_scan_inputs: int(1),
            body: bodyAttribute({
              inputs: { p: [2, 3] },
              nodes: [['MatMul', ['p', 'v'], 'out']],
              outputs: { out: [2, 2] },
              weights: { v: [3, 2] },
            }),
          },
        ],
      ],
      outputs: { y: undefined },
    },
  },
  {
    name: 'Scan of operator set 8, which goes over each sample by itself',
    shapes: { x: [3, 5, 4], y: [3, 5, 4], s: [3, 4] },
    sketch: {
      opset: 8,
      inputs: { x: [3, 5, 4], y: [3, 5, 4], s: [3, 4] },
      nodes: [
        [
          'Scan',
          ['', 's', 'x', 'y'],
          ['end', 'sums'],
          {
            num_scan_inputs: int(2),
            directions: intList([0, 1]),
            body: bodyAttribute({
              inputs: { state: [4], p: [4], q: [4] },
              nodes: [
                ['Mul', ['p', 'v'], 'weighed'],
                ['Add', ['state', 'weighed'], 'sum'],
                ['Tanh', ['sum'], 'next'],
                ['Sub', ['next', 'q'], 'out'],
              ],
              outputs: { next: [4], out: [4] },
              weights: { v: [4] },
            }),
          },
        ],
      ],
      outputs: { end: undefined, sums: undefined },
    },
  },
];
