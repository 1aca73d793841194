/** Every objective trains a network from scratch, on targets made from the digits, to figures that a network of its size should reach. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Image, numbers, openDataset, type Split } from '../data/index.js';
import { loadNetwork, type Machine, openMachine } from '../engine/index.js';
import { type Builder, builder, type Signal } from '../nn/index.js';
import {
  classification,
  dense,
  graphToTrain,
  inGraph,
  multiLabel,
  type Objective,
  regression,
  severalOutputs,
} from '../objectives/index.js';
import { type Attribute, floatTensor, type Graph, int, intList, intTensor } from '../onnx/index.js';
import { trainNetwork } from './index.js';

let machine: Machine;
const digits = await openDataset('digits');
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

const SIDE = 8;
const PIXELS = SIDE * SIDE;
const INK = 8;

type Answer = (pixels: ArrayLike<number>, label: number) => number[];

/** By how many pixels the centre of the ink is off the middle. */
const centre: Answer = (pixels) => {
  const sum = [0, 0, 0];
  for (let i = 0; i < PIXELS; i++) {
    sum[0] += pixels[i];
    sum[1] += pixels[i] * (i % SIDE);
    sum[2] += pixels[i] * Math.floor(i / SIDE);
  }
  return [sum[1], sum[2]].map((moment) => moment / sum[0] - (SIDE - 1) / 2);
};

/** Even, above 4, prime, with a closed loop. */
const kinds: Answer = (_, label) =>
  [label % 2 === 0, label > 4, [2, 3, 5, 7].includes(label), [0, 6, 8, 9].includes(label)].map(Number);

/** 0 where there is no ink, else 1 for digits below 5 and 2 for others; unknown at the edge of the ink. */
const maps: Answer = (pixels, label) =>
  Array.from({ length: PIXELS }, (_, i) =>
    pixels[i] >= INK ? (label < 5 ? 1 : 2) : pixels[i] > INK / 2 ? 255 : 0,
  );

function withTargets(split: Split, answers: Record<string, [shape: number[], answer: Answer]>): Split {
  const images = Array.from({ length: split.length }, (_, i) => split.arrays[0].at(i) as Image);
  const targets = Object.entries(answers).map(([name, [shape, answer]]) =>
    numbers(Float32Array.from(images.flatMap(({ data }, i) => answer(data, split.labels[i]))), shape, name),
  );
  return { ...split, targets };
}

const append = (
  graph: Graph,
  op: string,
  inputs: string[],
  outputs: string[],
  attributes: Record<string, Attribute> = {},
) => graph.nodes.push({ name: outputs.find(Boolean)!, op, domain: '', inputs, outputs, attributes });

/** [16, 8, 8] */
function features(b: Builder, layers = 2): Signal {
  let x = b.input('x', [1, SIDE, SIDE]);
  for (let k = 0; k < layers; k++)
    x = b.relu(b.batchNorm(b.conv(x, { out: 16, kernel: 3, pad: 1, name: `conv${k}` }), `norm${k}`));
  return x;
}

const flat = (b: Builder) => b.flatten(features(b));

/** Rows of a digit, one after the other, through an LSTM. */
function recurrent(): Graph {
  const b = builder({ name: 'rows', seed: 1 });
  const out = b.linear({ name: 'state', shape: [32] }, { out: 10, name: 'fc' });
  b.input('x', [1, SIDE, SIDE]);
  const graph = b.finish({ z: out });
  const fill = (shape: number[], scale: number) => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    return floatTensor(
      shape,
      Float32Array.from({ length: size }, (_, i) => scale * Math.sin(1.7 * i * i)),
    );
  };
  graph.initializers.set('W', fill([1, 128, SIDE], 0.3));
  graph.initializers.set('R', fill([1, 128, 32], 0.2));
  graph.initializers.set('B', fill([1, 256], 0));
  graph.initializers.set('one', intTensor([1], [1]));
  graph.initializers.set('first', intTensor([1], [0]));
  const own = graph.nodes.splice(0);
  append(graph, 'Squeeze', ['x', 'one'], ['rows']);
  append(graph, 'Transpose', ['rows'], ['steps'], { perm: intList([1, 0, 2]) });
  append(graph, 'LSTM', ['steps', 'W', 'R', 'B'], ['', 'last'], { hidden_size: int(32) });
  append(graph, 'Squeeze', ['last', 'first'], ['state']);
  graph.nodes.push(...own);
  return graph;
}

/** An autoencoder that puts out its squared error. */
function autoencoder(): Graph {
  const b = builder({ name: 'autoencoder', seed: 1 });
  const x = b.flatten(b.input('x', [1, SIDE, SIDE]));
  const code = b.relu(b.linear(x, { out: 32, name: 'code' }));
  const graph = b.finish({ again: b.linear(code, { out: PIXELS, name: 'again' }) });
  append(graph, 'Sub', ['again', x.name], ['off']);
  append(graph, 'Mul', ['off', 'off'], ['squares']);
  append(graph, 'ReduceMean', ['squares'], ['loss'], { axes: intList([1]), keepdims: int(0) });
  return { ...graph, outputs: [{ name: 'loss', dtype: 'float32', shape: ['N'] }] };
}

const build = (make: (b: Builder) => Record<string, Signal>): Graph => {
  const b = builder({ name: 'net', seed: 1 });
  return b.finish(make(b));
};

const cases: Record<
  string,
  {
    graph: Graph;
    objective: Objective;
    targets?: Parameters<typeof withTargets>[1];
    /** A figure and what it must reach, above or (negative) below. */
    reach: [metric: string, least: number];
    epochs?: number;
  }
> = {
  regression: {
    graph: build((b) => ({ z: b.linear(flat(b), { out: 2, name: 'fc' }) })),
    objective: regression([2]),
    targets: { y: [[2], centre] },
    reach: ['r2', 0.9],
    epochs: 16,
  },
  'absolute error': {
    graph: build((b) => ({ z: b.linear(flat(b), { out: 2, name: 'fc' }) })),
    objective: regression([2], 'absolute'),
    targets: { y: [[2], centre] },
    reach: ['mae', -0.08],
    epochs: 16,
  },
  'multi-label': {
    graph: build((b) => ({ z: b.linear(flat(b), { out: 4, name: 'fc' }) })),
    objective: multiLabel([4]),
    targets: { y: [[4], kinds] },
    reach: ['mAP', 0.97],
  },
  dense: {
    graph: build((b) => ({
      z: b.conv(features(b, 4), { out: 3, kernel: 3, pad: 1, bias: true, name: 'head' }),
    })),
    objective: dense([SIDE, SIDE]),
    targets: { y: [[SIDE, SIDE], maps] },
    reach: ['mean IoU', 0.8],
    epochs: 12,
  },
  'a sequence': { graph: recurrent(), objective: classification(), reach: ['accuracy', 0.9], epochs: 12 },
  'two outputs': {
    graph: build((b) => {
      const x = flat(b);
      return {
        place: b.linear(x, { out: 2, name: 'place' }),
        kinds: b.linear(x, { out: 4, name: 'kinds' }),
      };
    }),
    objective: severalOutputs([
      { output: 'place', objective: regression([2], 'huber'), weight: 1 },
      { output: 'kinds', objective: multiLabel([4]), weight: 0.5 },
    ]),
    targets: { place: [[2], centre], kinds: [[4], kinds] },
    reach: ['mAP kinds', 0.97],
  },
  'a loss in the graph': {
    graph: autoencoder(),
    objective: inGraph(),
    reach: ['loss in the graph', -0.2],
    epochs: 16,
  },
};

for (const [name, { graph, objective, targets, reach, epochs = 8 }] of Object.entries(cases))
  test(`${name}: ${reach.join(' ')}`, async () => {
    const with_ = (split: Split) => (targets ? withTargets(split, targets) : split);
    const network = loadNetwork(graphToTrain(graph, objective), { machine });
    const { epochs: done } = await trainNetwork({
      ...{ network, objective, epochs, batch: 32, seed: 1 },
      data: { ...digits, train: with_(digits.train), test: with_(digits.test!), augment: undefined },
      optimizer: { kind: 'adam' },
      schedule: { kind: 'cosine', learningRate: 0.003 },
    });
    const { accuracy, metrics } = done.at(-1)!.test!;
    const [metric, least] = reach;
    const value = metric === 'accuracy' ? accuracy! : metrics![metric];
    assert.ok(least > 0 ? value >= least : value <= -least, `${metric} ${value}`);
    network.close();
  });
