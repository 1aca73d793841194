/** Convolutions of random geometry, dense and sparse, with residual and bounds, against the reference in float64. */
import { after, before, test } from 'node:test';
import { integer, normal, random, uniform } from '../base/index.js';
import { type Machine, openMachine } from '../engine/index.js';
import {
  type Attribute,
  floatTensor,
  type Graph,
  type Node,
  newSource,
  sizeOf,
  type Tensor,
} from '../onnx/index.js';
import { means } from './meaning.test.fixture.js';

const machines: Machine[] = [];
before(async () => {
  for (const threads of [1, 2]) machines.push(await openMachine({ threads }));
});
after(() => Promise.all(machines.map((machine) => machine.close())));

const ints = (value: number[]): Attribute => ({ type: 'ints', value });

/** x → a convolution [+ another one of x] [→ Relu or Clip] → a second convolution → y, in one of many geometries. */
function randomModel(seed: number): Graph {
  const r = random(seed, 'runtime/conv');
  const pick = <T>(...from: T[]): T => from[integer(r, from.length)];
  const groups = pick(1, 1, 1, 2, 3);
  const channels = groups * (1 + integer(r, 5));
  // Small images with many outputs are computed in a way of their own.
  const small = pick(true, false, false);
  const [height, width] = small
    ? [2 + integer(r, 8), 2 + integer(r, 8)]
    : [3 + integer(r, 20), 3 + integer(r, 40)];
  const outputs = groups * (1 + integer(r, small ? 40 : 12));
  const kernel = [pick(1, 2, 3, 3, 3, 5), pick(1, 2, 3, 3, 3, 5)];
  const dilations = kernel.map((k) => (k > 1 ? pick(1, 1, 1, 2) : 1));
  const strides = pick([1, 1], [1, 1], [2, 2], [1, 2], [3, 2]);
  const pads = [0, 1, 0, 1].map((axis) => {
    const size = [height, width][axis];
    const reach = dilations[axis] * (kernel[axis] - 1) + 1;
    return Math.max(integer(r, reach), Math.ceil((reach - size) / 2));
  });
  const density = pick(1, 0.5, 0.1, 0.02, 0);
  const initializers = new Map<string, Tensor>();
  const weight = (name: string, shape: number[], kept = 1) => {
    const scale = 1 / Math.sqrt(sizeOf(shape.slice(1)));
    const data = Float32Array.from({ length: sizeOf(shape) }, () =>
      uniform(r) < kept ? normal(r) * scale : 0,
    );
    initializers.set(name, floatTensor(shape, data));
    return name;
  };
  const conv = (
    input: string,
    output: string,
    w: string,
    b: string,
    attributes: Node['attributes'],
  ): Node => ({
    name: output,
    op: 'Conv',
    domain: '',
    inputs: [input, w, b],
    outputs: [output],
    attributes,
  });
  const settings = {
    strides: ints(strides),
    pads: ints(pads),
    dilations: ints(dilations),
    group: { type: 'int', value: groups },
  } as const;
  const shape = [outputs, channels / groups, ...kernel];
  const nodes = [conv('x', 'a', weight('wa', shape, density), weight('ba', [outputs]), settings)];
  const more = (op: string, inputs: string[]) => {
    const output = `${op}${nodes.length}`;
    nodes.push({ name: output, op, domain: '', inputs, outputs: [output], attributes: {} });
    return output;
  };
  let last = 'a';
  if (pick(true, false)) {
    nodes.push(conv('x', 'b', weight('wb', shape), weight('bb', [outputs]), settings));
    last = more('Add', pick(['a', 'b'], ['b', 'a']));
  }
  const activation = pick('', 'Relu', 'Clip', 'Sigmoid');
  if (activation === 'Clip') {
    initializers.set('low', floatTensor([], [-0.5]));
    initializers.set('high', floatTensor([], [0.75]));
    last = more('Clip', [last, 'low', 'high']);
  } else if (activation) last = more(activation, [last]);
  const second = 1 + integer(r, 9);
  nodes.push(
    conv(last, 'y', weight('wy', [second, outputs, 1, 1], pick(1, 0.2)), weight('by', [second]), {}),
  );
  const value = (name: string, dims?: number[]) => ({ name, dtype: 'float32' as const, shape: dims });
  return {
    name: `random ${seed}`,
    inputs: [value('x', [1, channels, height, width])],
    outputs: [value('y'), ...(pick(true, false) ? [value(last)] : [])],
    nodes,
    initializers,
    declared: new Map(),
    source: newSource(13),
  };
}

test('random convolutions mean what they should', async () => {
  for (let seed = 0; seed < 130; seed++) {
    const graph = randomModel(seed);
    const draws = random(seed, 'runtime/conv/input');
    await means(graph, { machine: machines[seed % machines.length], draws, tolerance: 1e-5 });
  }
});
