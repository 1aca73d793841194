/**
 * A network that needs no engine: logits W x + b over 2 × 2 images of 3 classes, trained by SGD with momentum. What the
 * trainer does around an engine is tested with it; its arithmetic is only as right as that needs.
 */
import { random, uniform } from '../base/index.js';
import { memorySplit } from '../data/index.js';
import {
  byName,
  type Inputs,
  type Network,
  type Parameter,
  type Training,
  type UpdateOptions,
} from '../engine/index.js';
import { floatTensor, type Graph, newSource } from '../onnx/index.js';
import type { TrainData } from './data.js';

const CLASSES = 3;
const PIXELS = 4;

/** Images whose class shows in their pixels, nearly always. */
export function linearData(seed = 1): TrainData {
  const split = (count: number, part: string) => {
    const draw = random(seed, part);
    const labels = Int32Array.from({ length: count }, () => Math.floor(uniform(draw) * CLASSES));
    const pixels = Uint8Array.from({ length: count * PIXELS }, (_, i) => {
      const bright = i % PIXELS === labels[Math.floor(i / PIXELS)];
      return 255 * Math.min(1, 0.7 * uniform(draw) + (bright ? 0.5 : 0));
    });
    return memorySplit(pixels, labels, [1, 2, 2]);
  };
  return {
    train: split(50, 'train'),
    validation: split(30, 'validation'),
    test: split(20, 'test'),
    mean: [0.5],
    std: [0.5],
  };
}

export interface LinearNetwork extends Network {
  /** Programs compiled and not closed. */
  readonly open: () => number;
}

export function linearNetwork(seed = 1): LinearNetwork {
  const draw = random(seed, 'weights');
  const weight = Float32Array.from({ length: CLASSES * PIXELS }, () => uniform(draw) - 0.5);
  const bias = new Float32Array(CLASSES);
  const parameter = (name: string, shape: number[], values: Float32Array, prunable: boolean) =>
    [name, { name, shape, weight: values, prunable, op: 'Gemm', node: 'fc' } satisfies Parameter] as const;
  const parameters = new Map([
    parameter('w', [CLASSES, PIXELS], weight, true),
    parameter('b', [CLASSES], bias, false),
  ]);
  let programs = 0;
  const close = () => {
    programs--;
  };

  const forward = (x: Float32Array, i: number): Float32Array =>
    bias.map((b, k) => {
      let sum = b;
      for (let p = 0; p < PIXELS; p++) sum += weight[k * PIXELS + p] * x[i * PIXELS + p];
      return sum;
    });

  const slots: Training['slots'] = new Map(
    [...parameters].map(
      ([
        name,
        {
          weight: { length },
        },
      ]) => [
        name,
        {
          gradient: new Float32Array(length),
          state: [new Float32Array(length)],
          mask: new Float32Array(length).fill(1),
        },
      ],
    ),
  );

  async function gradients(inputs: Inputs, labels: Int32Array, count: number) {
    const { x } = byName(inputs, ['x']);
    const [dw, db] = [slots.get('w')!.gradient.fill(0), slots.get('b')!.gradient.fill(0)];
    let [loss, correct] = [0, 0];
    for (let i = 0; i < count; i++) {
      const row = forward(x, i);
      const sum = row.reduce((total, v) => total + Math.exp(v), 0);
      loss += (Math.log(sum) - row[labels[i]]) / count;
      correct += row.indexOf(Math.max(...row)) === labels[i] ? 1 : 0;
      row.forEach((v, k) => {
        const d = (Math.exp(v) / sum - (k === labels[i] ? 1 : 0)) / count;
        db[k] += d;
        for (let p = 0; p < PIXELS; p++) dw[k * PIXELS + p] += d * x[i * PIXELS + p];
      });
    }
    return { loss, correct };
  }

  async function update({ learningRate, weightDecay, momentum = 0 }: UpdateOptions) {
    for (const [name, { gradient, state, mask }] of slots) {
      const values = parameters.get(name)!.weight;
      for (let i = 0; i < values.length; i++) {
        state[0][i] = mask[i] * (momentum * state[0][i] + gradient[i] + weightDecay * values[i]);
        values[i] = mask[i] * (values[i] - learningRate * state[0][i]);
      }
    }
  }

  return {
    graph: linearGraph(weight, bias),
    machine: { description: 'none' } as never,
    ends: [],
    batch: { kind: 'open', together: true, shapes: { x: [1, 1, 2, 2] } },
    parameters,
    state: new Map(),
    inputs: new Map([['x', [1, 2, 2]]]),
    inference({ batch }) {
      programs++;
      return {
        batch,
        peakBytes: 0,
        outputs: new Map([['y', [CLASSES]]]),
        run: async (inputs, count) => {
          const { x } = byName(inputs, ['x']);
          return { y: Float32Array.from(Array.from({ length: count }, (_, i) => [...forward(x, i)]).flat()) };
        },
        profile: () => new Map(),
        steps: () => [],
        close,
      };
    },
    training({ batch }) {
      programs++;
      for (const { state } of slots.values()) state[0].fill(0);
      return {
        batch,
        microBatch: batch,
        peakBytes: 0,
        slots,
        gradients,
        begin: async (inputs, labels, count) => {
          const outcome = await gradients(inputs, labels as Int32Array, count);
          return { outcome: async () => outcome };
        },
        ahead: false,
        update,
        gradientNorm: async () => 0,
        pull: async () => {},
        push() {},
        profile: () => new Map(),
        steps: () => [],
        close,
      };
    },
    pull: async () => {},
    push() {},
    clipping: unneeded,
    ranking: unneeded,
    snapshot: () => linearGraph(weight.slice(), bias.slice()),
    close() {},
    open: () => programs,
  };
}

function unneeded(): never {
  throw new Error('No trainer asks for this');
}

export function linearGraph(weight: Float32Array, bias: Float32Array): Graph {
  const node = (op: string, inputs: string[], output: string) => ({
    ...{ name: output, op, domain: '', inputs, outputs: [output], attributes: {} },
  });
  return {
    name: 'linear',
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 1, 2, 2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', CLASSES] }],
    nodes: [node('Flatten', ['x'], 'flat'), node('Gemm', ['flat', 'w', 'b'], 'y')],
    initializers: new Map([
      ['w', floatTensor([CLASSES, PIXELS], weight)],
      ['b', floatTensor([CLASSES], bias)],
    ]),
    declared: new Map(),
    source: newSource(17),
  };
}
