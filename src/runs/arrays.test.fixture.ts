/** For tests: small models of vectors, of sequences, and of tokens with a mask and types; and samples that they can learn. */
import { integer, type Random, random } from '../base/index.js';
import { sketch } from '../channels/sketch.test.fixture.js';
import { wholes } from '../data/npz.test.fixture.js';
import type { Graph } from '../onnx/index.js';

/** So many samples of a kind, and labels. */
export function draws(
  count: number,
  size: number,
  draw: (r: Random, label: number, i: number) => number,
  classes = 3,
) {
  const labels = Array.from({ length: count }, (_, n) => n % classes);
  const values = labels.flatMap((label, n) => {
    const r = random(7, 'sample', n);
    return Array.from({ length: size }, (_, i) => draw(r, label, i));
  });
  return { labels, values };
}

/** x [N, 8] → 24 → 16 → 3 */
export function perceptron(): Graph {
  const s = sketch();
  const layer = (x: string, name: string, from: number, to: number) =>
    s.op('Gemm', [x, s.weight(name, from, to), s.weight(`${name}.bias`, to)]);
  const first = s.op('Relu', [layer(s.input('features', [8]), 'first', 8, 24)]);
  return s.finish(layer(s.op('Relu', [layer(first, 'second', 24, 16)]), 'head', 16, 3));
}

/** x [N, 2, 20] → two convolutions along the length with BatchNormalization → 3 */
export function convolution(): Graph {
  const s = sketch();
  const block = (x: string, name: string, from: number, to: number) => {
    const y = s.op('Conv', [x, s.weight(name, to, from, 3)], { pads: [1, 1] });
    const [scale, shift, mean, variance] = ['scale', 'shift', 'mean', 'var'].map((part) =>
      s.weight(`${name}.${part}`, to),
    );
    return s.op('Relu', [s.op('BatchNormalization', [y, scale, shift, mean, variance])]);
  };
  const x = block(block(s.input('signal', [2, 20]), 'conv1', 2, 12), 'conv2', 12, 16);
  const pooled = s.op('Flatten', [s.op('GlobalAveragePool', [x])]);
  return s.finish(s.op('Gemm', [pooled, s.weight('head', 16, 3), s.weight('head.bias', 3)]));
}

export const LENGTH = 6;
const [WIDTH, HEADS, WORDS] = [16, 2, 12];

/** Tokens → embeddings → attention under a mask → an MLP → the first token's class of 2; lengths are left open. */
export function transformer(): Graph {
  const s = sketch(20);
  const linear = (x: string, name: string, from: number, to: number) =>
    s.op('Add', [s.op('MatMul', [x, s.weight(name, from, to)]), s.weight(`${name}.bias`, to)]);
  const norm = (x: string, name: string) =>
    s.op('LayerNormalization', [x, s.weight(`${name}.scale`, WIDTH), s.weight(`${name}.shift`, WIDTH)], {
      axis: -1,
    });
  const [ids, mask, types] = ['input_ids', 'attention_mask', 'token_type_ids'].map((name) =>
    s.input(name, [LENGTH], 'int64'),
  );
  const words = s.op('Gather', [s.weight('words', WORDS, WIDTH), ids]);
  const kinds = s.op('Gather', [s.weight('kinds', 2, WIDTH), types]);
  const x = norm(
    s.op('Add', [s.op('Add', [words, kinds]), s.weight('positions', 1, LENGTH, WIDTH)]),
    'norm1',
  );
  const split = (y: string, perm: number[]) =>
    s.op('Transpose', [s.op('Reshape', [y, s.ints(0, LENGTH, HEADS, WIDTH / HEADS)])], { perm });
  const [q, k, v] = ['query', 'key', 'value'].map((name) => linear(x, name, WIDTH, WIDTH));
  const hidden = s.op('Mul', [s.op('Sub', [s.scalar(1), s.op('Cast', [mask], { to: 1 })]), s.scalar(-10000)]);
  const scores = s.op('Mul', [
    s.op('MatMul', [split(q, [0, 2, 1, 3]), split(k, [0, 2, 3, 1])]),
    s.scalar(1 / Math.sqrt(WIDTH / HEADS)),
  ]);
  const attention = s.op('Softmax', [s.op('Add', [scores, s.op('Unsqueeze', [hidden, s.ints(1, 2)])])], {
    axis: -1,
  });
  const mixed = s.op('Transpose', [s.op('MatMul', [attention, split(v, [0, 2, 1, 3])])], {
    perm: [0, 2, 1, 3],
  });
  const joined = s.op('Reshape', [mixed, s.ints(0, LENGTH, WIDTH)]);
  const y = norm(s.op('Add', [x, linear(joined, 'out', WIDTH, WIDTH)]), 'norm2');
  const mlp = linear(s.op('Gelu', [linear(y, 'up', WIDTH, 32)]), 'down', 32, WIDTH);
  const first = s.op('Gather', [s.op('Add', [y, mlp]), s.index(0)], { axis: 1 });
  return s.finish(s.op('Gemm', [first, s.weight('head', WIDTH, 2), s.weight('head.bias', 2)]));
}

/** A sentence of class 1 has word 5 in it where the mask is 1; behind the mask it may be in any. */
export function sentences(count: number) {
  const labels = Array.from({ length: count }, (_, n) => n % 2);
  const rows = labels.map((label, n) => {
    const r = random(3, 'sentence', n);
    const length = 3 + integer(r, LENGTH - 2);
    const ids = Array.from({ length: LENGTH }, (_, i) => {
      const word = integer(r, WORDS);
      return word === 5 && i < length ? 4 : word;
    });
    if (label === 1) ids[integer(r, length)] = 5;
    return { ids, mask: ids.map((_, i) => Number(i < length)), types: ids.map((_, i) => Number(i > 2)) };
  });
  const shape = [count, LENGTH];
  return {
    input_ids: wholes(
      shape,
      rows.flatMap(({ ids }) => ids),
    ),
    attention_mask: wholes(
      shape,
      rows.flatMap(({ mask }) => mask),
    ),
    token_type_ids: wholes(
      shape,
      rows.flatMap(({ types }) => types),
    ),
    y: wholes([count], labels),
  };
}
