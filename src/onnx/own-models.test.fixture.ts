/**
 * For tests: small models of our own, one for each family of the real ones that lie beside some checkouts, as those who export them
 * write them down: weights as constants, shapes that are computed, several inputs and outputs.
 */
import { type Graph, parseModel, serializeModel } from './index.js';
import { type Sketch, sketch } from './sketch.test.fixture.js';

export interface OwnModel {
  name: string;
  file: Uint8Array;
  read(): Promise<Graph>;
  /** Counted by hand: parameters, and multiplications of a sample. */
  params?: number;
  macs?: number;
}

/** A dimension for the batch that is fixed at 1, as most exports have it. */
function fixedBatch(graph: Graph): Graph {
  for (const input of graph.inputs) input.shape = [1, ...input.shape!.slice(1)];
  return graph;
}

/** Weights as nodes `Constant`. */
function weightsInNodes(graph: Graph): Graph {
  const constants = [...graph.initializers].map(([name, value]) => ({
    ...{ name: `constant ${name}`, op: 'Constant', domain: '', inputs: [], outputs: [name] },
    attributes: { value: { type: 'tensor' as const, value } },
  }));
  return { ...graph, initializers: new Map(), nodes: [...constants, ...graph.nodes] };
}

/** Scales of normalisations around 1, so that samples stay apart. */
function scaled(graph: Graph): Graph {
  for (const [name, tensor] of graph.initializers)
    if (name.endsWith('.scale'))
      graph.initializers.set(name, { ...tensor, data: (tensor.data as Float32Array).map((x) => 1 + x) });
  return graph;
}

/** Convolution, BatchNormalization and ReLU. */
const block = (s: Sketch, x: string, name: string, [out, within]: [number, number], plain = {}): string =>
  s.relu(s.batchNorm(s.conv(x, name, out, within, plain), `${name}.bn`, out));

/** The flat shape [N, −1] computed from the batch of x, as exporters write a `view`. */
function flattened(s: Sketch, x: string): string {
  const batch = s.op('Gather', [s.op('Shape', [x]), s.index(0)], { axis: 0 });
  const dims = [s.op('Unsqueeze', [batch, s.ints(0)]), s.ints(-1)];
  return s.op('Reshape', [x, s.op('Concat', dims, { axis: 0 })]);
}

function plainCnn(): Graph {
  const s = sketch(9);
  let x = s.relu(s.conv(s.input('image', [1, 12, 12]), 'a', 4, 1, { kernel: 5, pads: [0, 0, 0, 0] }));
  x = s.op('MaxPool', [x], { kernel_shape: [2, 2], strides: [2, 2] });
  x = s.op('Reshape', [x, s.ints(-1, 64)]);
  x = s.op('Gemm', [x, s.weight('fc', 10, 64), s.weight('fc.b', 10)], { transB: 1 });
  return s.finish(s.op('LogSoftmax', [x], { axis: 1 }));
}

function normalizedCnn(): Graph {
  const s = sketch(16);
  let x = block(s, s.input('image', [1, 8, 8]), 'a', [4, 1]);
  x = s.op('Flatten', [block(s, x, 'b', [6, 4], { strides: [2, 2] })]);
  return s.finish(s.op('LogSoftmax', [s.op('Gemm', [x, s.weight('fc', 96, 5), s.weight('fc.b', 5)])]));
}

function residual(): Graph {
  const s = sketch();
  const x = block(s, s.input('image', [3, 8, 8]), 'stem', [6, 3]);
  const inner = block(s, x, 'a', [8, 6], { strides: [2, 2] });
  const main = s.batchNorm(s.conv(inner, 'b', 8, 8), 'b.bn', 8);
  const around = s.batchNorm(s.conv(x, 'short', 8, 6, { kernel: 1, strides: [2, 2] }), 'short.bn', 8);
  const y = s.op('GlobalAveragePool', [s.relu(s.op('Add', [main, around]))]);
  const flat = flattened(s, y);
  return s.finish(s.op('Gemm', [flat, s.weight('fc', 10, 8), s.weight('fc.b', 10)], { transB: 1 }));
}

function dense(): Graph {
  const s = sketch(13);
  let x = s.conv(s.input('image', [3, 12, 12]), 'stem', 4, 3);
  for (const [i, name] of ['a', 'b', 'c'].entries()) {
    const grown = s.conv(s.relu(s.batchNorm(x, `${name}.bn`, 4 + 3 * i)), name, 3, 4 + 3 * i);
    x = s.op('Concat', [x, grown], { axis: 1 });
  }
  x = s.op('AveragePool', [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  return fixedBatch(s.finish(s.op('Softmax', [s.head(x, 13)], { axis: 1 })));
}

/** Branches of one input put together, LRN, pooling that rounds up, sums of three, weights of one number each. */
function inception(): Graph {
  const s = sketch(12);
  const image = s.input('image', [3, 13, 13]);
  const filled = (...shape: number[]) => s.op('ConstantOfShape', [s.ints(...shape)]);
  let x = s.op('Conv', [image, s.op('Add', [filled(6, 3, 3, 3), s.scalar(0.05)])], { strides: [2, 2] });
  x = s.op('LRN', [s.relu(x)], { size: 5, alpha: 0.0001, beta: 0.75, bias: 1 });
  x = s.op('MaxPool', [x], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 });
  const pooled = s.op('MaxPool', [x], { kernel_shape: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] });
  const branches = [
    s.conv(x, 'one', 3, 6, { kernel: 1 }),
    s.conv(s.conv(x, 'reduce', 2, 6, { kernel: 1 }), 'three', 4, 2),
    s.conv(pooled, 'project', 2, 6, { kernel: 1 }),
  ];
  x = s.relu(s.op('Concat', branches, { axis: 1 }));
  x = s.op('Sum', [x, s.conv(x, 'again', 9, 9), x]);
  x = s.op('Dropout', [s.op('AveragePool', [x], { kernel_shape: [3, 3] })]);
  return fixedBatch(s.finish(s.op('Softmax', [s.op('Flatten', [x])], { axis: 1 })));
}

/** Depth-wise layers, heads of boxes and classes put together, boxes decoded. */
function detector(): Graph {
  const s = sketch(11);
  const separable = (x: string, name: string, within: number, out: number) =>
    s.relu(
      s.conv(s.relu(s.conv(x, `${name}.dw`, within, 1, { group: within })), name, out, within, { kernel: 1 }),
    );
  const stem = s.relu(s.conv(s.input('image', [3, 16, 16]), 'stem', 6, 3, { strides: [2, 2] }));
  const near = separable(stem, 'a', 6, 8);
  const far = separable(s.op('MaxPool', [near], { kernel_shape: [2, 2], strides: [2, 2] }), 'b', 8, 8);
  const rows = (x: string, name: string, numbers: number) => {
    const last = s.op('Transpose', [s.conv(x, name, 2 * numbers, 8)], { perm: [0, 2, 3, 1] });
    return s.op('Reshape', [last, s.ints(1, -1, numbers)]);
  };
  const both = (name: string, numbers: number) =>
    s.op('Concat', [rows(near, `${name}.near`, numbers), rows(far, `${name}.far`, numbers)], { axis: 1 });
  const scores = s.op('Softmax', [both('scores', 3)], { axis: 2 });
  const moves = both('boxes', 4);
  const part = (from: number, to: number) => s.op('Slice', [moves, s.ints(from), s.ints(to), s.ints(2)]);
  const centre = s.op('Add', [s.op('Mul', [part(0, 2), s.scalar(0.1)]), s.weight('anchors', 1, 160, 2)]);
  const half = s.op('Div', [s.op('Exp', [s.op('Mul', [part(2, 4), s.scalar(0.2)])]), s.scalar(2)]);
  const corners = [s.op('Sub', [centre, half]), s.op('Add', [centre, half])];
  return fixedBatch(s.finish(scores, s.op('Concat', corners, { axis: 2 })));
}

/** Halves of the channels taken by an index and shuffled, layers of several scales, several outputs. */
function pyramid(): Graph {
  const s = sketch(13);
  const stem = s.relu(s.conv(s.input('image', [3, 16, 16]), 'stem', 8, 3, { strides: [2, 2] }));
  const padded = s.op('Pad', [stem, s.ints(0, 0, 0, 0, 0, 0, 1, 1)]);
  const x = s.op('MaxPool', [padded], { kernel_shape: [3, 3], strides: [2, 2] });
  const grouped = s.op('Reshape', [x, s.ints(1, 2, 4, 4, 4)]);
  const half = (k: number) => s.op('Gather', [grouped, s.index(k)], { axis: 1 });
  const wide = s.op('Concat', [half(0), s.relu(s.conv(half(1), 'a', 4, 2, { group: 2 }))], {
    axis: 1,
  });
  const turned = s.op('Transpose', [s.op('Reshape', [wide, s.ints(1, 2, 4, 4, 4)])], {
    perm: [0, 2, 1, 3, 4],
  });
  const low = s.op('Reshape', [turned, s.ints(1, 8, 4, 4)]);
  const scaled = s.op('Resize', [low, '', s.floats(1, 1, 2, 2)], {
    mode: 'nearest',
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  });
  const high = s.op('Add', [s.conv(scaled, 'up', 8, 8, { kernel: 1 }), stem]);
  const spread = ['5', '3'].map((size) => s.op('MaxPool', [high], { ...WINDOWS[size], strides: [1, 1] }));
  const pooled = s.conv(s.op('Concat', [high, ...spread], { axis: 1 }), 'spp', 6, 24, { kernel: 1 });
  const outputs = [low, pooled].map((y, k) => s.op('Sigmoid', [s.conv(y, `head${k}`, 3, k ? 6 : 8)]));
  return fixedBatch(s.finish(...outputs));
}

const WINDOWS: Record<string, { kernel_shape: number[]; pads: number[] }> = {
  3: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
  5: { kernel_shape: [5, 5], pads: [2, 2, 2, 2] },
};

/** Gates by squeeze and excitation, hard activations, all weights in nodes. */
function gated(): Graph {
  const s = sketch(14);
  const x = s.op('HardSwish', [
    s.batchNorm(s.conv(s.input('image', [3, 8, 8]), 'a', 8, 3, { strides: [2, 2] }), 'a.bn', 8),
  ]);
  const squeezed = s.relu(s.conv(s.op('GlobalAveragePool', [x]), 'squeeze', 2, 8, { kernel: 1 }));
  const gate = s.op('HardSigmoid', [s.conv(squeezed, 'excite', 8, 2, { kernel: 1 })], {
    alpha: 0.2,
    beta: 0.5,
  });
  const y = s.op('MaxPool', [s.op('Mul', [x, gate])], { kernel_shape: [2, 2], strides: [2, 2] });
  const flat = flattened(s, y);
  const logits = s.op('Add', [s.op('MatMul', [flat, s.weight('fc', 32, 4)]), s.weight('fc.b', 4)]);
  return weightsInNodes(s.finish(s.op('Softmax', [logits], { axis: 1 })));
}

function unet(): Graph {
  const s = sketch(11);
  const down = block(s, s.input('image', [1, 12, 12]), 'down', [4, 1]);
  const deep = block(s, s.op('MaxPool', [down], { kernel_shape: [2, 2], strides: [2, 2] }), 'deep', [6, 4]);
  const weights = [s.weight('up', 6, 4, 2, 2), s.weight('up.b', 4)];
  const up = s.op('ConvTranspose', [deep, ...weights], { strides: [2, 2], kernel_shape: [2, 2] });
  const joined = block(s, s.op('Concat', [down, up], { axis: 1 }), 'joined', [4, 8]);
  return s.finish(s.conv(joined, 'out', 2, 4, { kernel: 1 }));
}

/** The class of every pixel as a mask for each class, with how many pixels it has. */
function segmentation(): Graph {
  const s = sketch(13);
  const x = s.relu(s.conv(s.input('image', [3, 6, 6]), 'a', 4, 3));
  const last = s.op('Transpose', [s.conv(x, 'b', 3, 4)], { perm: [0, 2, 3, 1] });
  const likely = s.op('ArgMax', [s.op('Softmax', [last], { axis: -1 })], { axis: -1, keepdims: 0 });
  const masks = s.op('OneHot', [likely, s.index(3), s.floats(0, 1)]);
  const chosen = s.op('Cast', [s.op('Equal', [masks, s.scalar(1)])], { to: 1 });
  const counts = s.op('ReduceSum', [chosen, s.ints(1, 2)], { keepdims: 0 });
  return fixedBatch(s.finish(chosen, counts));
}

function superResolution(): Graph {
  const s = sketch(10);
  const x = s.relu(s.conv(s.input('image', [1, 8, 8]), 'a', 6, 1, { kernel: 5 }));
  const many = s.conv(x, 'b', 4, 6);
  const apart = s.op('Reshape', [many, s.ints(-1, 1, 2, 2, 8, 8)]);
  const woven = s.op('Transpose', [apart], { perm: [0, 1, 4, 2, 5, 3] });
  return s.finish(s.op('Reshape', [woven, s.ints(-1, 1, 16, 16)]));
}

/** Kernels along one axis, Dropout in its oldest form. */
function series(): Graph {
  const s = sketch(8);
  let x = s.input('series', [1, 24, 1]);
  for (const [name, within, out] of [
    ['a', 1, 4],
    ['b', 4, 4],
  ] as const) {
    const weights = [s.weight(name, out, within, 5, 1), s.weight(`${name}.b`, out)];
    x = s.relu(s.op('Conv', [x, ...weights], { kernel_shape: [5, 1], pads: [2, 0, 2, 0] }));
  }
  x = s.op('Conv', [s.op('Dropout', [x]), s.weight('c', 3, 4, 24, 1), s.weight('c.b', 3)]);
  return s.finish(s.op('Flatten', [x], { axis: 1 }));
}

/** Attention of two heads over x [N, tokens, 12]. */
function attention(s: Sketch, x: string, name: string, mask?: string): string {
  const heads = s.ints(0, 0, 2, 6);
  const part = (what: string, perm: number[]) =>
    s.op('Transpose', [s.op('Reshape', [s.linear(x, `${name}.${what}`, 12, 12), heads])], { perm });
  const scores = s.op('MatMul', [part('q', [0, 2, 1, 3]), part('k', [0, 2, 3, 1])]);
  const scaled = s.op('Div', [scores, s.scalar(Math.sqrt(6))]);
  const weights = s.op('Softmax', [mask ? s.op('Add', [scaled, mask]) : scaled], { axis: -1 });
  const mixed = s.op('MatMul', [weights, part('v', [0, 2, 1, 3])]);
  const joined = s.op('Reshape', [s.op('Transpose', [mixed], { perm: [0, 2, 1, 3] }), s.ints(0, 0, 12)]);
  return s.op('Add', [x, s.linear(joined, `${name}.o`, 12, 12)]);
}

/** Normalisation of the last axis as exporters wrote it before there was an operator for it. */
function layerNorm(s: Sketch, x: string, name: string): string {
  const centred = s.op('Sub', [x, s.op('ReduceMean', [x], { axes: [-1] })]);
  const variance = s.op('ReduceMean', [s.op('Pow', [centred, s.scalar(2)])], { axes: [-1] });
  const deviation = s.op('Sqrt', [s.op('Add', [variance, s.scalar(1e-5)])]);
  const scaled = s.op('Mul', [s.op('Div', [centred, deviation]), s.weight(`${name}.scale`, 12)]);
  return s.op('Add', [scaled, s.weight(`${name}.shift`, 12)]);
}

/** x · Φ(x) by the error function. */
function gelu(s: Sketch, x: string): string {
  const erf = s.op('Erf', [s.op('Div', [x, s.scalar(Math.SQRT2)])]);
  return s.op('Mul', [s.op('Mul', [x, s.op('Add', [erf, s.scalar(1)])]), s.scalar(0.5)]);
}

/** Patches, a class token that is expanded to the batch, two layers, the token's logits. */
function visionTransformer(): Graph {
  const s = sketch(13);
  const image = s.input('image', [3, 8, 8]);
  const patches = s.op('Conv', [image, s.weight('patch', 12, 3, 4, 4), s.weight('patch.b', 12)], {
    strides: [4, 4],
  });
  const tokens = s.op('Transpose', [s.op('Reshape', [patches, s.ints(0, 12, -1)])], { perm: [0, 2, 1] });
  const batch = s.op('Gather', [s.op('Shape', [image]), s.index(0)], { axis: 0 });
  const shape = s.op('Concat', [s.op('Unsqueeze', [batch, s.ints(0)]), s.ints(1, 12)], { axis: 0 });
  const token = s.op('Expand', [s.weight('token', 1, 1, 12), shape]);
  let x = s.op('Add', [s.op('Concat', [token, tokens], { axis: 1 }), s.weight('positions', 1, 5, 12)]);
  for (const name of ['first', 'second']) {
    x = layerNorm(s, attention(s, x, name), `${name}.norm`);
    x = s.op('Add', [x, s.linear(gelu(s, s.linear(x, `${name}.wide`, 12, 20)), `${name}.narrow`, 20, 12)]);
  }
  const first = s.op('Slice', [x, s.ints(0), s.ints(1), s.ints(1)]);
  const flat = s.op('Reshape', [first, s.ints(-1, 12)]);
  const logits = s.op('Gemm', [flat, s.weight('head', 10, 12), s.weight('head.b', 10)], { transB: 1 });
  return scaled(s.finish(logits));
}

/** Words, their types and a mask; answers for every word and for the whole; its nodes in another order than they are computed in. */
function textTransformer(): Graph {
  const s = sketch(12);
  const [ids, types, given] = ['input_ids', 'token_type_ids', 'input_mask'].map((name) =>
    s.input(name, [7], 'int64'),
  );
  const words = s.weight('words', 90, 12);
  const looked = [s.op('Gather', [words, ids]), s.op('Gather', [s.weight('types', 2, 12), types])];
  const summed = s.op('Add', [s.op('Add', looked), s.weight('positions', 1, 7, 12)]);
  const unsqueezed = s.op('Unsqueeze', [s.op('Cast', [given], { to: 1 })], { axes: [1, 2] });
  const mask = s.op('Mul', [s.op('Sub', [s.scalar(1), unsqueezed]), s.scalar(-10000)]);
  let x = layerNorm(s, summed, 'norm');
  for (const name of ['first', 'second']) {
    x = layerNorm(s, attention(s, x, name, mask), `${name}.norm1`);
    const wide = gelu(s, s.linear(x, `${name}.wide`, 12, 20));
    x = layerNorm(s, s.op('Add', [x, s.linear(wide, `${name}.narrow`, 20, 12)]), `${name}.norm2`);
  }
  const scores = s.op('MatMul', [x, s.op('Transpose', [words], { perm: [1, 0] })]);
  const pooled = s.op('Tanh', [s.linear(s.op('Gather', [x, s.index(0)], { axis: 1 }), 'pool', 12, 12)]);
  const related = s.op('Gemm', [pooled, s.weight('related', 2, 12), s.weight('related.b', 2)], { transB: 1 });
  const graph = scaled(s.finish(scores, related));
  graph.nodes.reverse();
  return graph;
}

/** Layers as onnxruntime fuses them. */
function fusedTransformer(): Graph {
  const s = sketch(13);
  const fused = new Set<string>();
  const own = (op: string, inputs: string[], plain = {}): string => {
    const name = s.op(op, inputs, plain);
    fused.add(name);
    return name;
  };
  const x = s.input('x', [5, 12]);
  const mixed = own('Attention', [x, s.weight('qkv', 12, 36), s.weight('qkv.b', 36)], { num_heads: 2 });
  const skip = (y: string, around: string, name: string) =>
    own('SkipLayerNormalization', [y, around, s.weight(`${name}.scale`, 12), s.weight(`${name}.shift`, 12)], {
      epsilon: 1e-5,
    });
  const z = skip(s.linear(mixed, 'o', 12, 12), x, 'norm1');
  const wide = own('FastGelu', [s.op('MatMul', [z, s.weight('wide', 12, 20)]), s.weight('wide.b', 20)]);
  const graph = s.finish(skip(s.linear(wide, 'narrow', 20, 12), z, 'norm2'));
  for (const node of graph.nodes) if (fused.has(node.outputs[0])) node.domain = 'com.microsoft';
  graph.source.opsets['com.microsoft'] = 1;
  return graph;
}

/** Weights of 8 bits with a scale for each filter, and activations of 8 bits around the layers, answers included. */
function quantized(): Graph {
  const s = sketch(13);
  const inLevels = (x: string) => {
    const step = [s.scalar(0.01), 'zero'];
    return s.op('DequantizeLinear', [s.op('QuantizeLinear', [x, ...step]), ...step]);
  };
  const layer = (x: string, name: string, within: number) => {
    const inputs = [x, s.quantized(name, 6, within, 3, 3), s.weight(`${name}.b`, 6)];
    return s.op('Conv', inputs, { pads: [1, 1, 1, 1] });
  };
  let x = inLevels(s.input('image', [3, 8, 8]));
  x = inLevels(s.relu(layer(x, 'a', 3)));
  x = s.relu(s.op('Add', [x, layer(x, 'b', 6)]));
  const graph = s.finish(inLevels(layer(inLevels(x), 'c', 6)));
  graph.initializers.set('zero', { dtype: 'uint8', shape: [], data: Uint8Array.of(90) });
  return graph;
}

const builders: Record<string, () => Graph> = {
  'a plain CNN': plainCnn,
  'a CNN with BatchNormalization': normalizedCnn,
  'a residual network': residual,
  'a dense network': dense,
  'an inception': inception,
  'a detector': detector,
  'a pyramid of shuffled layers': pyramid,
  'a gated network': gated,
  'a U-Net': unet,
  'a segmentation': segmentation,
  'a super-resolution': superResolution,
  'a series': series,
  'a vision transformer': visionTransformer,
  'a text transformer': textTransformer,
  'a fused transformer': fusedTransformer,
  'a quantized network': quantized,
};

/** Parameters and multiplications of a sample, counted by hand. */
const sizes: Record<string, readonly [params: number, macs: number]> = {
  // 4·25 + 4, 10·64 + 10; 8·8 pixels · 4·25, 10·64.
  'a plain CNN': [754, 7040],
  // 4·1·9 + 4, 2 numbers for each channel, 6·4·9 + 6, 96·5 + 5; 64 · 36, 16 · 216, 480.
  'a CNN with BatchNormalization': [767, 6240],
  // 4·1·9 + 4, 6·4·9 + 6, 6·4·4 + 4, 4·8·9 + 4, 2·4 + 2, and of norms 2·(4 + 6 + 4).
  // 144 pixels · 36, 36 · 216, 36 · 6·4·4, 144 · 288, 144 · 8.
  'a U-Net': [692, 59040],
  // 6·25 + 6, 4·6·9 + 4; 64 pixels of either.
  'a super-resolution': [376, 23424],
  // 4·5 + 4, 4·4·5 + 4, 3·4·24 + 3; 24 · 20, 24 · 80, 288.
  'a series': [399, 2688],
};

/** The models as files, and as they are read from those. */
export const ownModels = (): OwnModel[] =>
  Object.entries(builders).map(([name, build]) => {
    const file = serializeModel(build());
    return { name, file, read: () => parseModel(file), params: sizes[name]?.[0], macs: sizes[name]?.[1] };
  });

/** The one of this name, read from a file. */
export const ownModel = (name: string): Promise<Graph> => parseModel(serializeModel(builders[name]()));
