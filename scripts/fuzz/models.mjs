/** Small models from a table of operators: valid ones, and what mutations make of them. */
import { float, floatList, int, intList, string } from '../../dist/onnx/attributes.js';
import { emptyData, sizeOf } from '../../dist/onnx/tensor.js';
import { oddNumbers } from './chance.mjs';

const unary = [
  'Relu',
  'LeakyRelu',
  'Elu',
  'Selu',
  'HardSigmoid',
  'HardSwish',
  'Sigmoid',
  'Tanh',
  'Softplus',
  'Softsign',
  'Erf',
  'Exp',
  'Abs',
  'Neg',
  'Sign',
  'Floor',
  'Ceil',
  'Round',
  'Sin',
  'Cos',
  'Identity',
  'Celu',
  'ThresholdedRelu',
  'Mish',
  'Dropout',
];
const binary = ['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'PRelu', 'Sum', 'Mean'];
const reductions = [
  'ReduceSum',
  'ReduceMean',
  'ReduceMax',
  'ReduceMin',
  'ReduceProd',
  'ReduceL1',
  'ReduceL2',
  'ReduceSumSquare',
  'ReduceLogSumExp',
];

/** Of every family: writes a node on a value. `m` gives chance, weights and lists; returns the names of its results. */
const families = {
  unary: (m, x) => m.node(m.pick(...unary), [x]),
  binary: (m, x) =>
    m.node(m.pick(...binary), [
      x,
      m.often(0.5) ? x : m.weight(m.pick([], [1], m.shapeOf(x), m.shapeOf(x).slice(-1))),
    ]),
  compare: (m, x) =>
    m.node('Where', [...m.node(m.pick('Greater', 'Less', 'Equal'), [x, m.weight([1])]), x, m.weight([1])]),
  clip: (m, x) => m.node('Clip', [x, m.pick('', m.number(-1)), m.pick('', m.number(1))]),
  cast: (m, x) => m.node('Cast', m.node('Cast', [x], { to: int(m.pick(1, 6, 7, 9, 11)) }), { to: int(1) }),
  conv(m, x) {
    const [, c] = m.shapeOf(x);
    const group = m.pick(1, 1, c);
    const out = group * m.among(4);
    const k = m.pick(1, 2, 3);
    const w = m.weight([out, c / group, ...m.spatial(x).map(() => k)]);
    return m.node('Conv', [x, w, ...m.pick([], [m.weight([out])])], {
      group: int(group),
      ...m.window(x),
      ...m.pick({}, { auto_pad: string(m.pick('SAME_UPPER', 'SAME_LOWER', 'VALID')) }),
    });
  },
  transposed(m, x) {
    const [, c] = m.shapeOf(x);
    const group = m.pick(1, 1, c);
    const [out, k] = [m.among(3), m.pick(1, 2, 3)];
    return m.node(
      'ConvTranspose',
      [x, m.weight([c, out, ...m.spatial(x).map(() => k)]), ...m.pick([], [m.weight([out * group])])],
      { group: int(group), ...m.window(x) },
    );
  },
  pool: (m, x) =>
    m.node(m.pick('MaxPool', 'AveragePool', 'LpPool'), [x], {
      kernel_shape: intList(m.spatial(x).map(() => m.pick(1, 2, 3))),
      ...m.window(x),
      ...m.pick({}, { ceil_mode: int(1) }),
    }),
  global: (m, x) => m.node(m.pick('GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool'), [x]),
  lrn: (m, x) => m.node('LRN', [x], { size: int(m.pick(1, 3, 5)) }),
  batchNorm(m, x) {
    const c = [m.shapeOf(x)[1] ?? 1];
    return m.node('BatchNormalization', [x, m.weight(c), m.weight(c), m.weight(c), m.weight(c, true)]);
  },
  norms(m, x) {
    const shape = m.shapeOf(x);
    if (m.often(0.5))
      return m.node('LayerNormalization', [
        x,
        m.weight(shape.slice(-1)),
        ...m.pick([], [m.weight(shape.slice(-1))]),
      ]);
    const c = [shape[1] ?? 1];
    return m.node('InstanceNormalization', [x, m.weight(c), m.weight(c)]);
  },
  groupNorm(m, x) {
    const c = m.shapeOf(x)[1] ?? 1;
    const groups = m.pick(1, c);
    const scales = [m.opset < 21 ? groups : c];
    return m.node('GroupNormalization', [x, m.weight(scales), m.weight(scales)], { num_groups: int(groups) });
  },
  matMul: (m, x) => m.node('MatMul', [x, m.weight([m.shapeOf(x).at(-1) ?? 1, m.among(6)])]),
  gemm(m, x) {
    const [flat] = m.node('Flatten', [x]);
    const [k, n] = [sizeOf(m.shapeOf(x).slice(1)), m.among(6)];
    const turned = m.often(0.5);
    return m.node('Gemm', [flat, m.weight(turned ? [n, k] : [k, n]), ...m.pick([], [m.weight([n])])], {
      transB: int(turned ? 1 : 0),
      ...m.pick({}, { alpha: float(0.5) }),
    });
  },
  einsum: (m, x) =>
    m.node('Einsum', [x, m.weight([m.shapeOf(x).at(-1) ?? 1, m.among(4)])], {
      equation: string(m.pick('...i,ij->...j', '...i,ij->...ij', '...i,ij->...')),
    }),
  reduce: (m, x) =>
    m.node(m.pick(...reductions), [x, ...m.pick([], [m.ints(m.upTo(m.rank(x) || 1))])], {
      keepdims: int(m.pick(0, 1)),
    }),
  arg: (m, x) =>
    m.node(
      'Cast',
      m.node(m.pick('ArgMax', 'ArgMin'), [x], {
        axis: int(m.upTo(m.rank(x) || 1)),
        keepdims: int(m.pick(0, 1)),
      }),
      { to: int(1) },
    ),
  softmax: (m, x) =>
    m.node(m.pick('Softmax', 'LogSoftmax'), [x], { axis: int(m.pick(-1, m.upTo(m.rank(x) || 1))) }),
  reshape: (m, x) =>
    m.node('Reshape', [x, m.ints(...m.pick([0, -1], [1, -1], [-1], m.shapeOf(x), [1, 1, -1]))]),
  flatten: (m, x) => m.node('Flatten', [x], { axis: int(m.upTo(m.rank(x) + 1)) }),
  squeeze: (m, x) =>
    m.node(
      'Squeeze',
      m.node('Unsqueeze', [x, m.ints(m.upTo(m.rank(x) + 1))]).concat(m.pick([], [m.ints(0)])),
    ),
  transpose(m, x) {
    const order = m.shapeOf(x).map((_, i) => i);
    for (let i = order.length - 1; i > 0; i--) {
      const j = m.upTo(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return m.node('Transpose', [x], m.pick({}, { perm: intList(order) }));
  },
  concat: (m, x) =>
    m.node('Concat', [x, x, ...m.pick([], [m.weight(m.shapeOf(x))])], { axis: int(m.upTo(m.rank(x) || 1)) }),
  split(m, x) {
    const axis = m.upTo(m.rank(x) || 1);
    const size = m.shapeOf(x)[axis] ?? 1;
    const first = m.upTo(size + 1);
    return m.node('Split', [x, m.ints(first, size - first)], { axis: int(axis) }, 2);
  },
  slice: (m, x) =>
    m.node('Slice', [
      x,
      m.ints(m.pick(0, 1, -2)),
      m.ints(m.pick(2, -1, 100, 2 ** 63)),
      m.ints(m.upTo(m.rank(x) || 1)),
      m.ints(m.pick(1, 1, 2, -1)),
    ]),
  pad: (m, x) =>
    m.node(
      'Pad',
      [
        x,
        m.ints(
          ...m
            .shapeOf(x)
            .concat(m.shapeOf(x))
            .map(() => m.pick(0, 0, 1, -1)),
        ),
      ],
      { mode: string(m.pick('constant', 'constant', 'edge', 'reflect')) },
    ),
  expand: (m, x) => m.node('Expand', [x, m.ints(...m.pick([2, ...m.shapeOf(x)], m.shapeOf(x), [1]))]),
  tile: (m, x) => m.node('Tile', [x, m.ints(...m.shapeOf(x).map(() => m.pick(1, 2, 0, 1)))]),
  gather: (m, x) =>
    m.node('Gather', [x, m.ints(...m.pick([0], [0, -1], []))], { axis: int(m.upTo(m.rank(x) || 1)) }),
  scatter: (m, x) =>
    m.node('ScatterElements', [x, m.indices(m.shapeOf(x).map(() => 1)), m.weight(m.shapeOf(x).map(() => 1))]),
  cumSum: (m, x) => m.node('CumSum', [x, m.ints(m.upTo(m.rank(x) || 1))]),
  blocks: (m, x) => m.node(m.pick('DepthToSpace', 'SpaceToDepth'), [x], { blocksize: int(m.pick(1, 2)) }),
  trilu: (m, x) => m.node('Trilu', [x], { upper: int(m.pick(0, 1)) }),
  resize: (m, x) =>
    m.node(
      'Resize',
      [x, '', m.floats(...m.shapeOf(x).map((_, i) => (i < 2 ? 1 : m.pick(0.5, 1, 1.5, 2, 3))))],
      {
        mode: string(m.pick('nearest', 'linear', 'cubic')),
        coordinate_transformation_mode: string(
          m.pick('half_pixel', 'asymmetric', 'align_corners', 'pytorch_half_pixel'),
        ),
      },
    ),
  shapes: (m, x) =>
    m.node('Reshape', [x, ...m.node('Concat', [...m.node('Shape', [x]), m.ints(1)], { axis: int(0) })]),
  filled: (m, x) => m.node('Add', [x, ...m.node('ConstantOfShape', m.node('Shape', [x]))]),
  range: (m, x) =>
    m.node('Mul', [x, ...m.node('Range', [m.number(0), m.number(m.shapeOf(x).at(-1) ?? 1), m.number(1)])]),
  quantize: (m, x) =>
    m.node('DequantizeLinear', [...m.node('QuantizeLinear', [x, 'scale', 'zero']), 'scale', 'zero']),
  doubled: (m, x) => Array.from({ length: m.among(30) }).reduce(([at]) => m.node('Add', [at, at]), [x]),
};

/** A model of one to four nodes on one input; shapes are known by asking espalier. */
export function modelFrom(draw, inferred) {
  const initializers = new Map();
  const nodes = [];
  const opset = draw.pick(7, 9, 11, 13, 13, 17, 18, 21);
  const shape = draw.pick(
    [1, 4, 6, 5],
    [1, 3, 5, 5],
    [2, 4, 4, 4],
    [1, 4, 8],
    [1, 6],
    [3, 5],
    [1, 2, 3, 4, 3],
    ['N', 4],
    ['N', 4, 6, 6],
    [4],
  );
  const graph = () => ({
    name: 'fuzz',
    inputs: [{ name: 'x', dtype: draw.fuzzType ?? 'float32', shape }],
    outputs: [],
    nodes,
    initializers,
    declared: new Map(),
    source: {
      irVersion: 8,
      opsets: { '': opset },
      producerName: '',
      producerVersion: '',
      domain: '',
      modelVersion: 0,
      doc: '',
      metadata: {},
    },
  });
  const add = (dtype, dims, values) => {
    const name = `c${initializers.size}`;
    const data = emptyData(dtype, sizeOf(dims));
    const big = data instanceof BigInt64Array;
    for (let i = 0; i < data.length; i++)
      data[i] = big ? BigInt.asIntN(64, BigInt(Math.min(values(i), 2 ** 63 - 1025))) : values(i);
    initializers.set(name, { dtype, shape: [...dims], data });
    return name;
  };
  initializers.set('scale', { dtype: 'float32', shape: [], data: Float32Array.of(0.05) });
  initializers.set('zero', { dtype: 'uint8', shape: [], data: Uint8Array.of(128) });
  const shapeOf = (name) => inferred(graph(), name) ?? [1];
  const m = {
    ...draw,
    opset,
    shapeOf,
    rank: (name) => shapeOf(name).length,
    spatial: (name) => shapeOf(name).slice(2),
    weight: (dims, positive = false) =>
      add('float32', dims, () => (positive ? 0.5 + draw.next() : draw.next() * 2 - 1)),
    ints: (...list) => add('int64', [list.length], (i) => list[i]),
    indices: (dims) => add('int64', dims, () => 0),
    floats: (...list) => add('float32', [list.length], (i) => list[i]),
    number: (value) => add('float32', [], () => value),
    window: (x) => {
      const list = (...from) =>
        intList(
          shapeOf(x)
            .slice(2)
            .map(() => draw.pick(...from)),
        );
      const twice = (...from) =>
        intList([...shapeOf(x).slice(2), ...shapeOf(x).slice(2)].map(() => draw.pick(...from)));
      return draw.pick(
        {},
        { strides: list(1, 2) },
        { pads: twice(0, 1) },
        { strides: list(1, 2, 3), pads: twice(0, 1), dilations: list(1, 1, 2) },
      );
    },
    node(op, inputs, attributes = {}, count = 1) {
      const name = `n${nodes.length}`;
      const outputs = Array.from({ length: count }, (_, i) => `${name}_${i}`);
      nodes.push({ name, op, domain: '', inputs, outputs, attributes });
      return outputs;
    },
  };
  let ends = ['x'];
  for (let left = draw.among(4); left > 0; left--)
    ends = families[draw.pick(...Object.keys(families))](m, draw.pick(...ends));
  return { ...graph(), outputs: ends.map((name) => ({ name, dtype: 'float32' })) };
}

/** Makes one thing in a model another. */
const mutations = {
  attribute(graph, d) {
    const node = d.pick(...graph.nodes);
    const name = d.pick(
      ...Object.keys(node.attributes),
      'group',
      'axis',
      'pads',
      'strides',
      'kernel_shape',
      'perm',
    );
    const at = node.attributes[name];
    const odd = d.pick(...oddNumbers);
    const changed =
      Array.isArray(at?.value) && at.value.length > 0 ? at.value.with(d.upTo(at.value.length), odd) : [odd];
    node.attributes[name] = d.pick(
      int(odd),
      intList(Array.isArray(at?.value) ? changed : [odd, 1]),
      float(odd),
      floatList([odd]),
      string(d.pick('', 'SAME', 'linear', 'VALID')),
      at ?? int(odd),
    );
    if (d.often(0.2)) delete node.attributes[name];
  },
  setting(graph, d) {
    const [, tensor] = d.pick(...graph.initializers);
    if (tensor.data.length === 0) return;
    const odd = d.pick(...oddNumbers);
    tensor.data[d.upTo(tensor.data.length)] =
      tensor.data instanceof BigInt64Array ? BigInt.asIntN(64, BigInt(odd)) : odd;
  },
  shape(graph, d) {
    const [, tensor] = d.pick(...graph.initializers);
    if (d.often(0.5))
      tensor.shape = d.pick(
        [...tensor.shape, 1],
        tensor.shape.slice(1),
        [1, ...tensor.shape],
        [...tensor.shape].reverse(),
      );
    else if (tensor.shape.length > 0)
      tensor.shape[d.upTo(tensor.shape.length)] = d.pick(...oddNumbers.filter(Number.isSafeInteger));
    if (d.often(0.6)) {
      const size = sizeOf(tensor.shape);
      if (!(size >= 0 && size < 1e5)) tensor.shape = [d.upTo(5)];
      const data = emptyData(tensor.dtype, sizeOf(tensor.shape));
      for (let i = 0; i < data.length; i++) data[i] = tensor.data[i % tensor.data.length] ?? data[i];
      tensor.data = data;
    }
  },
  input(graph, d) {
    graph.inputs[0].shape = d.pick(
      [],
      [4],
      [1, 4],
      [0, 4],
      [1, 2 ** 32],
      [1, 4, 2 ** 17],
      ['N', 'M'],
      [1, 1, 1, 1, 1, 1],
      [5, 4, 3, 2],
      [1, 2 ** 31 - 1],
      undefined,
    );
  },
  wiring(graph, d) {
    const node = d.pick(...graph.nodes);
    const at = d.upTo(node.inputs.length + 1);
    node.inputs[at] = d.pick(
      '',
      'x',
      d.pick(...graph.initializers.keys()),
      d.pick(...graph.nodes).outputs[0],
    );
    for (let i = 0; i < at; i++) node.inputs[i] ??= '';
  },
  arity(graph, d) {
    const node = d.pick(...graph.nodes);
    if (d.often(0.5)) node.outputs.push(`more${d.upTo(9)}`);
    else node.inputs.pop();
  },
  operator(graph, d) {
    d.pick(...graph.nodes).op = d.pick(
      ...graph.nodes,
      ...[
        ...unary,
        ...binary,
        'Conv',
        'Gemm',
        'Attention',
        'GatherND',
        'ScatterND',
        'LSTM',
        'If',
        'OneHot',
      ].map((op) => ({ op })),
    ).op;
  },
  type(graph, d) {
    const dtype = d.pick('float64', 'int64', 'int32', 'int8', 'uint8', 'bool', 'string');
    if (d.often(0.4)) graph.inputs[0].dtype = dtype;
    else {
      const [, tensor] = d.pick(...graph.initializers);
      tensor.dtype = dtype;
      tensor.data = emptyData(dtype, tensor.data.length);
    }
  },
  opset(graph, d) {
    graph.source.opsets[''] = d.pick(0, 1, 6, 7, 8, 9, 10, 11, 12, 13, 18, 21, 23, 24, 999, -1);
  },
  outputs(graph, d) {
    graph.outputs = [
      d.pick(
        { name: 'x', dtype: 'float32' },
        { name: d.pick(...graph.initializers.keys()), dtype: 'float32' },
        { name: d.pick(...graph.nodes).outputs[0], dtype: 'int64' },
      ),
    ];
  },
};

export function mutate(graph, draw) {
  for (let times = draw.among(2); times > 0; times--)
    mutations[draw.pick(...Object.keys(mutations))](graph, draw);
}

/** Flips, cuts, repeats and overwrites bytes. */
export function damage(bytes, draw) {
  const result = Uint8Array.from(bytes);
  for (let times = draw.among(6); times > 0 && result.length > 0; times--) {
    const at = draw.upTo(result.length);
    if (draw.often(0.5)) result[at] ^= 1 << draw.upTo(8);
    else if (draw.often(0.7)) result[at] = draw.pick(0, 1, 127, 128, 255);
    else result.copyWithin(at, draw.upTo(result.length), draw.upTo(result.length));
  }
  return draw.often(0.15) ? result.subarray(0, draw.upTo(result.length)) : result;
}
