/** For tests: a graph for each shape of trouble that pruning tools are known to stumble over. */
import { recurrentTroubles } from './recurrent.test.fixture.js';
import { type Sketch, sketch, type Trouble } from './sketch.test.fixture.js';

const image = (s: Sketch) => s.input('x', [3, 8, 8]);

/** Heads of attention over tokens of 12 numbers, from q, k and v [N, 4, 12]. */
function attention(s: Sketch, q: string, k: string, v: string, heads: number, rootFromShape = false): string {
  const size = 12 / heads;
  const shape = s.ints(0, 4, heads, size);
  const part = (x: string, perm: number[]) => s.op('Transpose', [s.op('Reshape', [x, shape])], { perm });
  const query = part(q, [0, 2, 1, 3]);
  const product = s.op('MatMul', [query, part(k, [0, 2, 3, 1])]);
  const root = () => {
    const last = s.op('Gather', [s.op('Shape', [query]), s.index(-1)]);
    return s.op('Sqrt', [s.op('Cast', [last], { to: 1 })]);
  };
  const scores = rootFromShape ? s.op('Div', [product, root()]) : s.op('Mul', [product, s.scalar(0.5)]);
  const mixed = s.op('MatMul', [s.op('Softmax', [scores], { axis: -1 }), part(v, [0, 2, 1, 3])]);
  const back = s.op('Transpose', [mixed], { perm: [0, 2, 1, 3] });
  return s.op('Reshape', [back, s.ints(0, 4, 12)]);
}

function separate(s: Sketch, rootFromShape = false): string {
  const x = s.input('x', [4, 5]);
  const [q, k, v] = ['q', 'k', 'v'].map((name) => s.linear(x, name, 5, 12));
  return s.linear(attention(s, q, k, v, 3, rootFromShape), 'o', 12, 2);
}

/** Four heads of queries and two of keys and values, of three and five numbers. */
function attentionOfGroups(s: Sketch): string {
  const x = s.input('x', [4, 5]);
  const parts = [s.linear(x, 'q', 5, 12), s.linear(x, 'k', 5, 6), s.linear(x, 'v', 5, 10)];
  const y = s.op('Attention', parts, { q_num_heads: 4, kv_num_heads: 2 });
  return s.linear(y, 'o', 20, 2);
}

/** q, k and v by one product, as [N, 4, 3, heads, size] and by halves. */
function fused(s: Sketch): string {
  const y = s.linear(s.input('x', [4, 5]), 'qkv', 5, 36);
  const parts = s.op('Transpose', [s.op('Reshape', [y, s.ints(0, 4, 3, 3, 4)])], { perm: [2, 0, 3, 1, 4] });
  const [q, k, v] = [0, 1, 2].map((i) => s.op('Gather', [parts, s.index(i)], { axis: 0 }));
  const scores = s.op('MatMul', [q, s.op('Transpose', [k], { perm: [0, 1, 3, 2] })]);
  const mixed = s.op('MatMul', [s.op('Softmax', [s.op('Mul', [scores, s.scalar(0.5)])], { axis: -1 }), v]);
  const back = s.op('Transpose', [mixed], { perm: [0, 2, 1, 3] });
  return s.linear(s.op('Reshape', [back, s.ints(0, 4, 12)]), 'o', 12, 2);
}

const einsum = (s: Sketch, equation: string, ...operands: string[]) => s.op('Einsum', operands, { equation });

/** As Flax and Keras write it: weights have an axis for heads and one for what is in a head. */
function attentionByEinsum(s: Sketch): string {
  const x = s.linear(s.input('x', [4, 5]), 'embed', 5, 6);
  const [q, k, v] = ['q', 'k', 'v'].map((name) => einsum(s, 'btd,dhk->bthk', x, s.weight(name, 6, 3, 4)));
  const scores = s.op('Mul', [einsum(s, 'bqhk,bshk->bhqs', q, k), s.scalar(0.5)]);
  const mixed = einsum(s, 'bhqs,bshk->bqhk', s.op('Softmax', [scores], { axis: -1 }), v);
  return s.linear(einsum(s, 'bqhk,hkd->bqd', mixed, s.weight('o', 3, 4, 6)), 'head', 6, 2);
}

const shuffled = (s: Sketch, x: string, groups: number, channels: number): string => {
  const split = s.op('Reshape', [x, s.ints(0, groups, channels / groups, 8, 8)]);
  return s.op('Reshape', [s.op('Transpose', [split], { perm: [0, 2, 1, 3, 4] }), s.ints(0, channels, 8, 8)]);
};

/** Eight channels become four by weights that a second input scales. */
function byStyle(s: Sketch, op: 'Conv' | 'ConvTranspose'): string {
  const shape = op === 'Conv' ? [4, 8] : [8, 4];
  const style = s.linear(s.relu(s.linear(s.input('z', [5]), 'm', 5, 6)), 'n', 6, 32);
  const scales = s.op('ReduceMean', [style], { axes: [0], keepdims: 0 });
  const w = s.op('Mul', [s.op('Reshape', [scales, s.ints(...shape, 1, 1)]), s.weight('w', ...shape, 3, 3)]);
  const a = s.relu(s.conv(s.relu(s.conv(image(s), 'a', 6, 3)), 'b', 8, 6));
  const c = s.op(op, [a, w], { pads: [1, 1, 1, 1] });
  return s.head(s.relu(s.conv(c, 'd', 7, 4)), 7);
}

export const troubles: Trouble[] = [
  {
    name: 'chain',
    build: (s) => s.head(s.relu(s.conv(s.relu(s.conv(image(s), 'a', 8, 3)), 'b', 6, 8)), 6),
  },
  {
    name: 'residual sum',
    build(s) {
      const a = s.relu(s.conv(image(s), 'a', 8, 3));
      const b = s.conv(s.relu(s.conv(a, 'b', 6, 8)), 'c', 8, 6);
      return s.head(s.op('Add', [a, b]), 8);
    },
  },
  {
    name: 'residual sum, broadcast from one channel',
    build(s) {
      const a = s.conv(image(s), 'a', 8, 3);
      const b = s.conv(image2(s), 'b', 1, 3);
      return s.head(s.op('Add', [a, b]), 8);
    },
  },
  {
    name: 'shortcut by slicing and padding (option A)',
    build(s) {
      const a = s.relu(s.conv(image(s), 'a', 4, 3));
      const b = s.batchNorm(s.conv(a, 'b', 8, 4, { strides: [2, 2] }), 'bn', 8);
      const thin = s.op('Slice', [a, s.ints(0, 0), s.ints(8, 8), s.ints(2, 3), s.ints(2, 2)]);
      const wide = s.op('Pad', [thin, s.ints(0, 2, 0, 0, 0, 2, 0, 0)]);
      return s.head(s.relu(s.op('Add', [b, wide])), 8);
    },
  },
  {
    name: 'concatenation',
    build(s) {
      const x = image(s);
      const y = s.op('Concat', [s.conv(x, 'a', 4, 3), s.conv(x, 'b', 6, 3)], { axis: 1 });
      return s.head(s.relu(s.batchNorm(y, 'bn', 10)), 10);
    },
  },
  {
    name: 'concatenation of a value with itself',
    build(s) {
      const a = s.conv(image(s), 'a', 4, 3);
      return s.head(s.relu(s.op('Concat', [a, a], { axis: 1 })), 8);
    },
  },
  {
    name: 'cascaded concatenations',
    build(s) {
      const a = s.relu(s.conv(image(s), 'a', 4, 3));
      const ab = s.op('Concat', [a, s.relu(s.conv(a, 'b', 3, 4))], { axis: 1 });
      const abc = s.op('Concat', [ab, s.relu(s.conv(ab, 'c', 5, 7))], { axis: 1 });
      return s.head(abc, 12);
    },
  },
  {
    name: 'split in halves',
    build(s) {
      const [a, b] = s.ops('Split', [s.conv(image(s), 'a', 8, 3)], { axis: 1 }, 2);
      return s.head(s.op('Mul', [s.op('Sigmoid', [a]), b]), 4);
    },
  },
  {
    name: 'split in unequal parts',
    build(s) {
      const parts = s.ops('Split', [s.conv(image(s), 'a', 8, 3), s.ints(5, 3)], { axis: 1 }, 2);
      const b = s.conv(parts[0], 'b', 4, 5);
      return s.head(s.op('Concat', [b, parts[1]], { axis: 1 }), 7);
    },
  },
  {
    name: 'slices next to each other',
    build(s) {
      const a = s.conv(image(s), 'a', 8, 3);
      const [left, right] = [
        [0, 3],
        [3, 2 ** 31 - 1],
      ].map(([from, to]) => s.op('Slice', [a, s.ints(from), s.ints(to), s.ints(1)]));
      return [s.head(s.conv(left, 'b', 4, 3), 4), s.op('GlobalAveragePool', [s.conv(right, 'c', 2, 5)])];
    },
  },
  {
    name: 'slices in steps, forwards and backwards',
    build(s) {
      const a = s.conv(image(s), 'a', 8, 3);
      const even = s.op('Slice', [a, s.ints(0), s.ints(8), s.ints(1), s.ints(2)]);
      const odd = s.op('Slice', [a, s.ints(-1), s.ints(-(2 ** 31)), s.ints(1), s.ints(-2)]);
      return s.head(s.op('Add', [s.relu(even), odd]), 4);
    },
  },
  {
    name: 'channel shuffle',
    build: (s) => s.head(s.conv(shuffled(s, s.conv(image(s), 'a', 8, 3), 2, 8), 'b', 4, 8), 4),
  },
  {
    name: 'channel shuffle with the batch folded in',
    build(s) {
      const a = s.conv(image(s), 'a', 8, 3);
      const pairs = s.op('Transpose', [s.op('Reshape', [a, s.ints(-1, 2, 64)])], { perm: [1, 0, 2] });
      const halves = s.op('Reshape', [pairs, s.ints(2, -1, 4, 8, 8)]);
      const [p, q] = [0, 1].map((i) => s.op('Gather', [halves, s.index(i)], { axis: 0 }));
      return s.head(s.op('Concat', [s.conv(p, 'b', 4, 4), q], { axis: 1 }), 8);
    },
  },
  {
    name: 'pixel shuffle',
    build(s) {
      const a = s.conv(image(s), 'a', 12, 3);
      const blocks = s.op('Reshape', [a, s.ints(-1, 3, 2, 2, 8, 8)]);
      const woven = s.op('Transpose', [blocks], { perm: [0, 1, 4, 2, 5, 3] });
      return s.conv(s.op('Reshape', [woven, s.ints(-1, 3, 16, 16)]), 'b', 2, 3);
    },
  },
  {
    name: 'depth to space and back',
    build(s) {
      const wide = s.op('DepthToSpace', [s.conv(image(s), 'a', 12, 3)], { blocksize: 2 });
      return s.conv(s.op('SpaceToDepth', [s.relu(wide)], { blocksize: 2 }), 'b', 2, 12);
    },
  },
  {
    name: 'flatten after a convolution',
    build(s) {
      const flat = s.op('Flatten', [s.relu(s.conv(image(s), 'a', 4, 3))]);
      return s.op('Gemm', [flat, s.weight('fc', 3, 256), s.weight('fc.b', 3)], { transB: 1 });
    },
  },
  {
    name: 'reshape to a shape that is computed',
    build(s) {
      const a = s.relu(s.conv(image(s), 'a', 4, 3));
      const batch = s.op('Gather', [s.op('Shape', [a]), s.ints(0)]);
      const flat = s.op('Reshape', [a, s.op('Concat', [batch, s.ints(256)], { axis: 0 })]);
      return s.linear(flat, 'fc', 256, 3);
    },
  },
  {
    name: 'squeeze and excitation',
    build(s) {
      const a = s.relu(s.conv(image(s), 'a', 8, 3));
      const gate = s.conv(
        s.relu(s.conv(s.op('GlobalAveragePool', [a]), 'down', 4, 8, { kernel: 1 })),
        'up',
        8,
        4,
        { kernel: 1 },
      );
      return s.head(s.op('Mul', [a, s.op('HardSigmoid', [gate])]), 8);
    },
  },
  {
    name: 'depth-wise convolution',
    build: (s) => s.head(s.relu(s.conv(s.relu(s.conv(image(s), 'a', 8, 3)), 'dw', 8, 1, { group: 8 })), 8),
  },
  {
    name: 'depth-wise convolution with multiplier 2',
    build: (s) => s.head(s.relu(s.conv(s.relu(s.conv(image(s), 'a', 4, 3)), 'dw', 8, 1, { group: 4 })), 8),
  },
  {
    name: 'grouped convolution: whole groups',
    build: (s) => s.head(s.relu(s.conv(s.relu(s.conv(image(s), 'a', 8, 3)), 'g', 8, 2, { group: 4 })), 8),
  },
  {
    name: 'grouped convolution: the same channels of every group',
    build: (s) => s.head(s.relu(s.conv(s.relu(s.conv(image(s), 'a', 12, 3)), 'g', 6, 6, { group: 2 })), 6),
  },
  {
    name: 'grouped convolution with shuffle, as in ShuffleNet',
    build(s) {
      const a = s.relu(s.conv(s.relu(s.conv(image(s), 'a', 8, 3)), 'g', 8, 4, { group: 2 }));
      return s.head(
        s.conv(s.conv(shuffled(s, a, 2, 8), 'dw', 8, 1, { group: 8 }), 'h', 8, 4, { group: 2 }),
        8,
      );
    },
  },
  {
    name: 'one channel in, one out is not depth-wise',
    build: (s) => s.head(s.conv(s.conv(s.conv(image(s), 'a', 1, 3), 'one', 1, 1), 'b', 4, 1), 4),
  },
  {
    name: 'transposed convolution',
    build(s) {
      const a = s.relu(s.conv(image(s), 'a', 6, 3));
      const up = s.op('ConvTranspose', [a, s.weight('up', 6, 4, 2, 2), s.weight('up.b', 4)], {
        strides: [2, 2],
      });
      return s.conv(s.relu(up), 'b', 2, 4);
    },
  },
  {
    name: 'grouped transposed convolution',
    build(s) {
      const a = s.relu(s.conv(image(s), 'a', 6, 3));
      const up = s.op('ConvTranspose', [a, s.weight('up', 6, 2, 2, 2), s.weight('up.b', 6)], {
        strides: [2, 2],
        group: 3,
      });
      return s.conv(s.relu(up), 'b', 2, 6);
    },
  },
  {
    name: 'a weight that two nodes share',
    build(s) {
      const w = s.weight('w', 6, 6, 3, 3);
      const again = (x: string) => s.relu(s.op('Conv', [x, w], { pads: [1, 1, 1, 1] }));
      return s.head(again(again(s.conv(image(s), 'a', 6, 3))), 6);
    },
  },
  {
    name: 'Gemm either way round',
    build(s) {
      const a = s.op('Gemm', [s.input('x', [5]), s.weight('a', 5, 8), s.weight('a.b', 8)]);
      const b = s.op('Gemm', [s.relu(a), s.weight('b', 6, 8), s.weight('b.b', 1, 6)], {
        transB: 1,
        alpha: 0.5,
      });
      return s.op('Gemm', [s.relu(b), s.weight('c', 6, 2)]);
    },
  },
  {
    name: 'weights from the left',
    build(s) {
      const y = s.op('MatMul', [s.weight('a', 8, 5), s.input('x', [5, 4])]);
      return s.op('MatMul', [s.weight('b', 3, 8), s.relu(y)]);
    },
  },
  {
    name: 'a weight behind a transpose',
    build(s) {
      const turned = s.op('Transpose', [s.weight('a', 8, 5)], { perm: [1, 0] });
      return s.linear(s.relu(s.op('MatMul', [s.input('x', [5]), turned])), 'b', 8, 2);
    },
  },
  {
    name: 'slopes and learnt scales',
    build(s) {
      const a = s.op('PRelu', [s.conv(image(s), 'a', 8, 3), s.weight('slope', 8, 1, 1)]);
      return s.head(s.op('Mul', [a, s.weight('gamma', 1, 8, 1, 1)]), 8);
    },
  },
  {
    name: 'layer normalisation keeps what it averages over',
    build(s) {
      const a = s.linear(s.input('x', [4, 5]), 'a', 5, 8);
      const normal = s.op('LayerNormalization', [a, s.weight('ln', 8), s.weight('ln.b', 8)]);
      return s.linear(s.relu(s.linear(normal, 'b', 8, 6)), 'c', 6, 2);
    },
  },
  {
    name: 'instance normalisation',
    build(s) {
      const a = s.conv(image(s), 'a', 8, 3);
      return s.head(s.op('InstanceNormalization', [a, s.weight('in', 8), s.weight('in.b', 8)]), 8);
    },
  },
  {
    name: 'group normalisation goes by whole groups',
    opset: 21,
    build(s) {
      const a = s.conv(image(s), 'a', 8, 3);
      const normal = s.op('GroupNormalization', [a, s.weight('gn', 8), s.weight('gn.b', 8)], {
        num_groups: 4,
      });
      return s.head(s.relu(normal), 8);
    },
  },
  {
    name: 'group normalisation as PyTorch writes it',
    build(s) {
      const a = s.conv(image(s), 'a', 8, 3);
      const rows = s.op('Reshape', [a, s.ints(0, 4, -1)]);
      const normal = s.op('InstanceNormalization', [rows, s.weight('one', 4), s.weight('zero', 4)]);
      const back = s.op('Reshape', [normal, s.op('Shape', [a])]);
      const scaled = s.op('Mul', [back, s.weight('gn', 8, 1, 1)]);
      return s.head(s.op('Add', [scaled, s.weight('gn.b', 8, 1, 1)]), 8);
    },
  },
  {
    name: 'local response normalisation mixes neighbours',
    build: (s) => s.head(s.conv(s.op('LRN', [s.conv(image(s), 'a', 8, 3)], { size: 3 }), 'b', 4, 8), 4),
  },
  {
    name: 'embedding',
    build(s) {
      const words = s.op('Gather', [s.weight('table', 90, 6), s.input('ids', [4], 'int64')]);
      const places = s.op('Slice', [s.weight('places', 9, 6), s.ints(0), s.ints(4), s.ints(0)]);
      return s.linear(s.op('Add', [words, places]), 'a', 6, 2);
    },
  },
  { name: 'attention: dimensions of all heads', build: (s) => separate(s) },
  { name: 'attention: whole heads', heads: true, build: (s) => separate(s) },
  { name: 'attention with 1/√d from the shape', build: (s) => separate(s, true) },
  { name: 'attention by Einsum: dimensions of all heads', build: attentionByEinsum },
  { name: 'attention by Einsum: whole heads', heads: true, build: attentionByEinsum },
  {
    name: 'layers by Einsum, and a gate',
    build(s) {
      const a = s.relu(einsum(s, '...d,df', s.input('x', [4, 5]), s.weight('a', 5, 8)));
      const b = s.relu(einsum(s, 'btd,fd->btf', a, s.weight('b', 6, 8)));
      const gate = s.op('Sigmoid', [s.linear(einsum(s, 'btf->bf', b), 'g', 6, 6)]);
      return s.linear(einsum(s, 'btc,bc->btc', b, gate), 'head', 6, 2);
    },
  },
  {
    name: 'experts by Einsum',
    build(s) {
      const x = s.linear(s.input('x', [4, 5]), 'a', 5, 6);
      const hidden = s.relu(einsum(s, 'btd,edf->betf', x, s.weight('up', 3, 6, 8)));
      return s.linear(einsum(s, 'betf,efd->btd', hidden, s.weight('down', 3, 8, 6)), 'head', 6, 2);
    },
  },
  { name: 'fused attention: dimensions of all heads', build: fused },
  { name: 'fused attention: whole heads', heads: true, build: fused },
  {
    name: 'a product of data whose sum is not 0 without the weights',
    build(s) {
      const x = s.input('x', [4, 5]);
      const gate = s.op('Sigmoid', [s.linear(x, 'a', 5, 6)]);
      const b = s.op('Sigmoid', [s.linear(x, 'b', 5, 6)]);
      return s.op('MatMul', [gate, s.op('Transpose', [b], { perm: [0, 2, 1] })]);
    },
  },
  {
    name: 'attention with keys that several heads share',
    build(s) {
      const x = s.input('x', [4, 5]);
      const part = (name: string, heads: number, perm: number[]) => {
        const y = s.op('Reshape', [s.linear(x, name, 5, 3 * heads), s.ints(0, 4, heads, 3)]);
        return s.op('Transpose', [y], { perm });
      };
      const repeated = (y: string, a: number, b: number) => {
        const wide = s.op('Expand', [s.op('Unsqueeze', [y, s.ints(2)]), s.ints(1, 1, 2, 1, 1)]);
        return s.op('Reshape', [wide, s.ints(-1, 4, a, b)]);
      };
      const scores = s.op('MatMul', [part('q', 4, [0, 2, 1, 3]), repeated(part('k', 2, [0, 2, 3, 1]), 3, 4)]);
      const mixed = s.op('MatMul', [s.op('Softmax', [scores]), repeated(part('v', 2, [0, 2, 1, 3]), 4, 3)]);
      const back = s.op('Transpose', [mixed], { perm: [0, 2, 1, 3] });
      return s.linear(s.op('Reshape', [back, s.ints(0, 4, 12)]), 'o', 12, 2);
    },
  },
  {
    name: 'rotary positions turn pairs of dimensions',
    build(s) {
      const x = s.input('x', [4, 5]);
      const turned = (y: string) => {
        const [a, b] = [
          [0, 3],
          [3, 6],
        ].map(([from, to]) => s.op('Slice', [y, s.ints(from), s.ints(to), s.ints(2)]));
        const crossed = s.op('Concat', [s.op('Neg', [b]), a], { axis: -1 });
        return s.op('Add', [s.op('Mul', [y, 'cos']), s.op('Mul', [crossed, 'sin'])]);
      };
      s.weight('cos', 4, 6);
      s.weight('sin', 4, 6);
      const [q, k, v] = ['q', 'k', 'v'].map((name) => s.linear(x, name, 5, 6));
      const scores = s.op('MatMul', [turned(q), s.op('Transpose', [turned(k)], { perm: [0, 2, 1] })]);
      return s.linear(s.op('MatMul', [s.op('Softmax', [scores]), v]), 'o', 6, 2);
    },
  },
  {
    name: 'a gated layer by one product',
    build(s) {
      const [gate, up] = s.ops('Split', [s.linear(s.input('x', [4, 5]), 'a', 5, 12)], { axis: -1 }, 2);
      return s.linear(s.op('Mul', [s.op('Mul', [s.op('Sigmoid', [gate]), gate]), up]), 'b', 6, 2);
    },
  },
  {
    name: 'mixing of tokens, then of channels',
    build(s) {
      const turned = s.op('Transpose', [s.linear(s.input('x', [4, 5]), 'in', 5, 6)], { perm: [0, 2, 1] });
      const tokens = s.linear(s.relu(s.linear(turned, 't1', 4, 8)), 't2', 8, 4);
      const back = s.op('Transpose', [s.op('Add', [turned, tokens])], { perm: [0, 2, 1] });
      return s.linear(s.relu(s.linear(back, 'c1', 6, 9)), 'c2', 9, 2);
    },
  },
  {
    name: 'words that are read and predicted by the same table',
    build(s) {
      const table = s.weight('table', 90, 6);
      const words = s.relu(s.op('Gather', [table, s.input('ids', [4], 'int64')]));
      return s.op('MatMul', [words, s.op('Transpose', [table], { perm: [1, 0] })]);
    },
  },
  {
    name: 'channels chosen by a mask that is no weight',
    build(s) {
      const a = s.conv(image(s), 'a', 4, 3);
      return s.head(s.op('Where', [s.bools(1, 0, 1, 1), a, s.op('Neg', [a])]), 4);
    },
  },
  {
    name: 'channels chosen by an index, some twice, and taken out singly',
    build(s) {
      const a = s.conv(image(s), 'a', 6, 3);
      const some = s.op('Gather', [a, s.ints(5, 0, 0, -3)], { axis: 1 });
      const one = s.op('Unsqueeze', [s.op('Gather', [a, s.index(1)], { axis: 1 }), s.ints(1)]);
      return s.head(s.op('Concat', [some, one], { axis: 1 }), 5);
    },
  },
  {
    name: 'several inputs and outputs',
    build(s) {
      const a = s.conv(image(s), 'a', 6, 3);
      const b = s.conv(s.input('y', [2, 8, 8]), 'b', 6, 2);
      const sum = s.relu(s.op('Add', [a, b]));
      return [s.conv(sum, 'c', 2, 6), s.head(sum, 6)];
    },
  },
  {
    name: 'a token of zeros for every sample',
    build(s) {
      const a = s.linear(s.input('x', [4, 5]), 'a', 5, 6);
      const batch = s.op('Gather', [s.op('Shape', [a]), s.ints(0)]);
      const zeros = s.op('ConstantOfShape', [s.op('Concat', [batch, s.ints(1, 6)], { axis: 0 })]);
      const token = s.op('Add', [zeros, s.weight('token', 6)]);
      return s.linear(s.op('Concat', [token, a], { axis: 1 }), 'b', 6, 2);
    },
  },
  {
    name: 'a learnt token repeated for every sample',
    build(s) {
      const a = s.linear(s.input('x', [4, 5]), 'a', 5, 6);
      const batch = s.op('Gather', [s.op('Shape', [a]), s.ints(0)]);
      const shape = s.op('Concat', [batch, s.ints(1, 6)], { axis: 0 });
      const token = s.op('Expand', [s.weight('token', 1, 1, 6), shape]);
      return s.linear(s.op('Concat', [token, a], { axis: 1 }), 'b', 6, 2);
    },
  },
  {
    name: 'upsampling, tiling and padding by reflection',
    build(s) {
      const a = s.conv(image(s), 'a', 4, 3);
      const up = s.op('Resize', [a, '', s.floats(1, 1, 2, 2)], { mode: 'nearest' });
      const tiled = s.op('Tile', [up, s.ints(1, 2, 1, 1)]);
      return s.head(s.op('Pad', [tiled, s.ints(0, 2, 0, 0, 0, 0, 0, 0)], { mode: 'reflect' }), 10);
    },
  },
  {
    name: 'axes of size 1 squeezed by no name',
    build(s) {
      const a = s.op('Concat', [s.conv(image(s), 'a', 2, 3), s.conv(image2(s), 'b', 2, 3)], { axis: 0 });
      const flat = s.op('Squeeze', [s.op('ReduceMean', [a], { axes: [0, 2, 3] })]);
      return s.op('MatMul', [flat, s.weight('fc', 2, 3)]);
    },
  },
  {
    name: 'channels summed up',
    build(s) {
      const relu = s.relu(s.conv(image(s), 'a', 4, 3));
      const sigmoid = s.op('Sigmoid', [s.conv(image2(s), 'b', 4, 3)]);
      const [sum, half] = [relu, sigmoid].map((x) => s.op('ReduceSum', [x, s.ints(1)], { keepdims: 0 }));
      const size = s.op('ReduceL2', [s.conv(relu, 'c', 5, 4)], { axes: [1, 2] });
      const mean = s.op('ReduceMean', [s.conv(relu, 'd', 6, 4)], { axes: [1] });
      return [sum, half, size, mean];
    },
  },
  {
    name: 'filters divided by their norms',
    build(s) {
      const filters = (name: string, out: number, within: number) => {
        const v = s.weight(`${name}.v`, out, within, 3, 3);
        const unit = s.op('Div', [v, s.op('ReduceL2', [v], { axes: [1, 2, 3] })]);
        return s.op('Mul', [unit, s.weight(`${name}.g`, out, 1, 1, 1)]);
      };
      const a = s.relu(s.conv(image(s), 'a', 8, 3));
      const b = s.op('Conv', [a, filters('b', 6, 8), s.weight('b.b', 6)], { pads: [1, 1, 1, 1] });
      return s.head(s.relu(b), 6);
    },
  },
  {
    name: 'quantised weights',
    engineless: true,
    build(s) {
      const a = s.relu(s.op('Conv', [image(s), s.quantized('a', 8, 3, 3, 3)]));
      return s.op('Conv', [a, s.quantized('b', 2, 8, 3, 3)]);
    },
  },
  {
    name: 'quantised weights with zero points, of a tensor and of each filter',
    engineless: true,
    build(s) {
      const bias = s.unsigned('a.b', false, 8);
      const a = s.relu(s.op('Conv', [image(s), s.unsigned('a', false, 8, 3, 3, 3), bias]));
      const b = s.op('Sigmoid', [s.op('Conv', [a, s.unsigned('b', true, 6, 8, 3, 3)])]);
      return s.op('Conv', [b, s.unsigned('c', true, 2, 6, 1, 1)]);
    },
  },
  {
    name: 'quantised weights that are also read as they are stored',
    engineless: true,
    build(s) {
      const w = s.unsigned('b', false, 8, 8, 1, 1);
      const a = s.op('Sigmoid', [s.conv(image(s), 'a', 8, 3)]);
      const stored = s.op('ReduceMax', [s.op('Cast', ['b'], { to: 1 })], { axes: [2, 3] });
      const rows = s.op('Reshape', [stored, s.ints(8, 8, 1, 1)]);
      return s.op('Add', [s.op('Conv', [a, w]), s.op('Conv', [a, rows])]);
    },
  },
  {
    name: 'the diagonal of a weight',
    build(s) {
      const a = s.conv(image(s), 'a', 8, 3);
      const b = s.op('Einsum', [s.relu(a), s.weight('b', 8, 8)], { equation: 'bchw,cc->bchw' });
      return s.head(s.relu(s.conv(b, 'c', 4, 8)), 4);
    },
  },
  {
    name: 'Einsum with an ellipsis, a scale and a product of two values',
    build(s) {
      const x = image(s);
      const a = s.relu(s.op('Einsum', [s.weight('a', 8, 3), x], { equation: 'oi,bi...->bo...' }));
      const b = s.op('Einsum', [a, s.weight('b', 8)], { equation: 'bchw,c->bchw' });
      const c = s.conv(x, 'c', 6, 3);
      const both = s.op('Einsum', [b, c], { equation: 'bchw,bdhw->bcd' });
      return s.op('Einsum', [both, s.weight('d', 6, 8, 2)], { equation: 'bij,jio' });
    },
  },
  {
    name: 'a convolution whose weights are computed from data',
    build: (s) => byStyle(s, 'Conv'),
  },
  {
    name: 'a transposed convolution whose weights are computed from data',
    engineless: true,
    inexpressible: true,
    build: (s) => byStyle(s, 'ConvTranspose'),
  },
  {
    name: 'attention as one operator, two heads of queries for each of keys',
    opset: 23,
    build: (s) => attentionOfGroups(s),
  },
  {
    name: 'attention as one operator: whole heads',
    opset: 23,
    heads: true,
    build: (s) => attentionOfGroups(s),
  },
  {
    name: 'attention as one operator, heads on an axis of their own',
    opset: 23,
    build(s) {
      const x = s.input('x', [4, 5]);
      const part = (name: string) =>
        s.op('Transpose', [s.op('Reshape', [s.linear(x, name, 5, 12), s.ints(0, 4, 3, 4)])], {
          perm: [0, 2, 1, 3],
        });
      const y = s.op('Attention', ['q', 'k', 'v'].map(part), { is_causal: 1 });
      return s.op('MatMul', [y, s.weight('o', 4, 2)]);
    },
  },
  {
    name: 'a norm by mean squares',
    opset: 23,
    build(s) {
      const x = s.linear(s.input('x', [4, 5]), 'a', 5, 8);
      const y = s.op('RMSNormalization', [x, s.weight('g', 8)]);
      return s.linear(s.relu(s.linear(y, 'b', 8, 12)), 'c', 12, 2);
    },
  },
  {
    name: 'a slice of weights assigned: rows are told apart, columns are not',
    build(s) {
      const x = s.linear(s.input('x', [4, 5]), 'a', 5, 8);
      const assigned = s.op('ScatterND', [
        s.weight('base', 1, 4, 8),
        s.places([1, 2, 2], 0, 3, 0, 1),
        s.weight('part', 1, 2, 8),
      ]);
      const y = s.op('CumSum', [s.op('Add', [x, assigned]), s.index(1)]);
      return s.linear(s.linear(y, 'b', 8, 6), 'c', 6, 2);
    },
  },
  {
    name: 'weights assigned one by one',
    build(s) {
      const x = s.linear(s.input('x', [5]), 'a', 5, 8);
      const assigned = s.op(
        'ScatterElements',
        [
          s.op('GatherND', [s.weight('base', 3, 8), s.places([1, 1], 2)]),
          s.places([1, 2], 4, 0),
          s.weight('part', 1, 2),
        ],
        { axis: 1 },
      );
      return s.linear(s.linear(s.op('Add', [x, assigned]), 'b', 8, 6), 'c', 6, 2);
    },
  },
  {
    name: 'weights of four bits, in blocks',
    opset: 21,
    build(s) {
      const x = s.linear(s.input('x', [5]), 'a', 5, 12);
      const y = s.op('MatMul', [x, s.inBlocks('b', 12, 8, 4)]);
      return s.linear(s.relu(s.op('Add', [y, s.quantizedBias('b.b', 8)])), 'c', 8, 2);
    },
  },
  ...recurrentTroubles,
  {
    name: 'an unknown operator in the middle',
    engineless: true,
    build(s) {
      const a = s.relu(s.conv(s.conv(image(s), 'a', 4, 3), 'b', 4, 4));
      const odd = s.op('vendor.Swirl', [a]);
      s.declare(odd, ['N', 4, 8, 8]);
      return s.head(s.conv(s.conv(odd, 'c', 6, 4), 'd', 5, 6), 5);
    },
  },
];

/** Another image. */
const image2 = (s: Sketch) => s.input('x2', [3, 8, 8]);

export const built = ({ build, opset }: Trouble) => {
  const s = sketch(opset);
  return s.finish(...[build(s)].flat());
};
