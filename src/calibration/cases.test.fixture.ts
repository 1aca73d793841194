/** For tests: a layer of every kind behind a convolution whose weights are changed, and what samples say of it in double precision. */
import { normal, random } from '../base/index.js';
import { answerInDoubles } from '../graph/index.js';
import {
  type Attribute,
  float,
  floats,
  floatTensor,
  type Graph,
  int,
  type Node,
  sizeOf,
} from '../onnx/index.js';
import type { Calibration } from './samples.js';

export interface Case {
  name: string;
  graph: Graph;
  /** The layer's weight, and the output that each element of it belongs to. */
  weight: string;
  row(element: number): number;
  /** What the layer's product is multiplied by on its way to the target, for each output. */
  scale(output: number): number;
  /** The value to reproduce. */
  target: string;
  /** Whether something shifts each output. */
  shifted: boolean;
}

const SAMPLE = [3, 5, 6];

const ints = (value: number[]): Attribute => ({ type: 'ints', value });

/** Random numbers that depend on the name. */
export function numbers(name: string, shape: readonly number[], scale = 0.4): ReturnType<typeof floatTensor> {
  const stream = random(7, name);
  return floatTensor(
    [...shape],
    Float32Array.from({ length: sizeOf(shape) }, () => scale * normal(stream)),
  );
}

const node = (
  op: string,
  inputs: string[],
  output: string,
  attributes: Record<string, Attribute> = {},
): Node => ({
  name: output,
  op,
  domain: '',
  inputs,
  outputs: [output],
  attributes,
});

/** x → before → h = LeakyRelu → … → y → out = LeakyRelu. */
function graphOf(nodes: Node[], weights: Record<string, readonly number[]>): Graph {
  const initializers = new Map(
    Object.entries({ 'before.weight': [4, 3, 3, 3], ...weights }).map(([name, shape]) => [
      name,
      /variance$/.test(name)
        ? floatTensor(
            [...shape],
            new Float32Array(sizeOf(shape)).map((_, i) => 0.5 + 0.3 * i),
          )
        : numbers(name, shape),
    ]),
  );
  return {
    name: 'case',
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', ...SAMPLE] }],
    outputs: [{ name: 'out', dtype: 'float32' }],
    nodes: [
      node('Conv', ['x', 'before.weight'], 'before', { pads: ints([1, 1, 1, 1]) }),
      node('LeakyRelu', ['before'], 'h'),
      ...nodes,
      node('LeakyRelu', ['y'], 'out'),
    ],
    initializers,
    declared: new Map(),
    source: {
      irVersion: 8,
      opsets: { '': 17 },
      producerName: '',
      producerVersion: '',
      domain: '',
      modelVersion: 0,
      doc: '',
      metadata: {},
    },
  };
}

/** A case whose layer is the only node. */
function plain(
  name: string,
  op: string,
  shape: readonly number[],
  row: (element: number) => number,
  attributes: Record<string, Attribute> = {},
  outputs = 0,
): Case {
  const inputs = ['h', 'weight', ...(outputs ? ['bias'] : [])];
  return {
    name,
    graph: graphOf([node(op, inputs, 'y', attributes)], {
      weight: shape,
      ...(outputs ? { bias: [outputs] } : {}),
    }),
    weight: 'weight',
    row,
    scale: () => 1,
    target: 'y',
    shifted: outputs > 0,
  };
}

const first = (inside: number) => (element: number) => Math.floor(element / inside);

export const cases: readonly Case[] = [
  plain('Conv', 'Conv', [5, 4, 3, 3], first(36), { pads: ints([1, 1, 1, 1]) }, 5),
  plain('Conv of stride 2 without a bias', 'Conv', [5, 4, 3, 2], first(24), {
    strides: ints([2, 1]),
    dilations: ints([1, 2]),
    pads: ints([1, 0, 0, 2]),
  }),
  plain('Conv of a single pixel', 'Conv', [6, 4, 1, 1], first(4), {}, 6),
  plain('grouped Conv', 'Conv', [6, 2, 3, 3], first(18), { group: int(2), pads: ints([1, 1, 1, 1]) }, 6),
  plain('depth-wise Conv', 'Conv', [4, 1, 3, 3], first(9), { group: int(4), pads: ints([1, 1, 1, 1]) }, 4),
  plain(
    'grouped ConvTranspose of stride 2',
    'ConvTranspose',
    [4, 3, 3, 3],
    // [C, O / groups, taps], of two groups
    (element) => Math.floor(element / 54) * 3 + (Math.floor(element / 9) % 3),
    { group: int(2), strides: ints([2, 2]), pads: ints([1, 1, 1, 1]) },
    6,
  ),
  {
    name: 'Gemm with alpha',
    graph: graphOf(
      [
        node('Flatten', ['h'], 'f'),
        node('Gemm', ['f', 'weight', 'bias'], 'y', { alpha: float(1.5), beta: float(0.5) }),
      ],
      { weight: [120, 4], bias: [4] },
    ),
    weight: 'weight',
    row: (element) => element % 4,
    scale: () => 1.5,
    target: 'y',
    shifted: true,
  },
  {
    name: 'MatMul and Add',
    graph: graphOf([node('MatMul', ['h', 'weight'], 'p'), node('Add', ['bias', 'p'], 'y')], {
      weight: [6, 5],
      bias: [5],
    }),
    weight: 'weight',
    row: (element) => element % 5,
    scale: () => 1,
    target: 'y',
    shifted: true,
  },
  {
    name: 'MatMul from the left',
    graph: graphOf([node('MatMul', ['weight', 'h'], 'y')], { weight: [7, 5] }),
    weight: 'weight',
    row: first(5),
    scale: () => 1,
    target: 'y',
    shifted: false,
  },
  {
    name: 'Conv, BatchNormalization and a residual',
    graph: graphOf(
      [
        node('Conv', ['h', 'weight'], 'c', { pads: ints([1, 1, 1, 1]) }),
        node('BatchNormalization', ['c', 'gamma', 'beta', 'mean', 'variance'], 'n'),
        node('Add', ['n', 'h'], 'y'),
      ],
      { weight: [4, 4, 3, 3], gamma: [4], beta: [4], mean: [4], variance: [4] },
    ),
    weight: 'weight',
    row: first(36),
    scale: (output) => (numbers('gamma', [4]).data[output] as number) / Math.sqrt(0.5 + 0.3 * output + 1e-5),
    target: 'y',
    shifted: true,
  },
];

/** The graph with other weights before the layer. */
export const disturbed = (graph: Graph): Graph => {
  const values = floats(graph.initializers.get('before.weight')!);
  const noise = floats(numbers('noise', [values.length], 0.15));
  const weight = floatTensor(
    [4, 3, 3, 3],
    values.map((x, i) => x + noise[i]),
  );
  return { ...graph, initializers: new Map([...graph.initializers, ['before.weight', weight]]) };
};

export const withValues = (graph: Graph, name: string, data: ArrayLike<number>): Graph => {
  const { shape } = graph.initializers.get(name)!;
  return {
    ...graph,
    initializers: new Map([...graph.initializers, [name, floatTensor(shape, Float32Array.from(data))]]),
  };
};

export const COUNT = 37;
const pixels = numbers('samples', [COUNT, ...SAMPLE], 1);

/** The samples, those of an order given by their places. */
export const samplesIn = (order = Array.from({ length: COUNT }, (_, i) => i)): Calibration =>
  async function* (_, batch) {
    const size = sizeOf(SAMPLE);
    for (let from = 0; from < order.length; from += batch) {
      const some = order.slice(from, from + batch);
      const x = new Float32Array(some.length * size);
      for (const [i, sample] of some.entries())
        x.set((pixels.data as Float32Array).subarray(sample * size, (sample + 1) * size), i * size);
      yield { inputs: { x }, count: some.length };
    }
  };

/** A value of a graph on all samples: for each output, over samples and pixels. */
export function answersOf(
  graph: Graph,
  name: string,
  { outputs, axis }: { outputs: number; axis: number },
): Float64Array[] {
  const asked = { ...graph, outputs: [{ name, dtype: 'float32' as const }] };
  const { [name]: tensor } = answerInDoubles(asked, {
    x: { shape: [COUNT, ...SAMPLE], data: pixels.data },
  });
  const inside = sizeOf(tensor.shape.slice(axis + 1));
  const rows = Array.from({ length: outputs }, (): number[] => []);
  for (const [i, x] of (tensor.data as Float64Array).entries())
    rows[Math.floor(i / inside) % outputs].push(x);
  return rows.map((row) => Float64Array.from(row));
}
