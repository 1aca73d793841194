/** classify: the numbers that a model gets are those of training, and what cannot be classified is refused in a sentence. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { random } from '../base/index.js';
import { augmentation, batches, type Card, memorySplit, withCard } from '../data/index.js';
import { openMachine } from '../engine/index.js';
import { buildNetwork } from '../nn/index.js';
import { type Graph, serializeModel } from '../onnx/index.js';
import { type ClassifyOptions, classify, load, type Pixels, pack } from './index.js';
import { modelOf } from './model.js';

const machine = await openMachine({ threads: 1 });
after(() => machine.close());

const card: Card = {
  mean: [0.4, 0.5, 0.6],
  std: [0.2, 0.3, 0.25],
  scale: 255,
  classes: ['cat', 'dog', 'cow'],
};
const network = (shape: [number, number, number] = [3, 8, 8]) =>
  buildNetwork('resnet8', { shape, classes: 3, seed: 5, width: 0.5 });
const carded = (graph: Graph, more: Card = {}) => modelOf(withCard(graph, { ...card, ...more }), { machine });

/** A picture of so many pixels, and the same as planes. */
function picture(width: number, height: number, channels: 1 | 3 | 4) {
  const data = Uint8ClampedArray.from(
    { length: width * height * channels },
    (_, i) => (i * 89 + (i >> 3)) % 256,
  );
  const kept = channels === 1 ? 1 : 3;
  const planar = new Uint8Array(kept * width * height);
  for (let i = 0; i < width * height; i++)
    for (let c = 0; c < kept; c++) planar[c * width * height + i] = data[i * channels + c];
  return { pixels: { data, width, height }, image: { data: planar, channels: kept, height, width } };
}

/** With a node behind the last one. */
function ending(graph: Graph, op: string): Graph {
  const [output] = graph.outputs;
  const node = { name: op, op, domain: '', inputs: [output.name], outputs: ['end'], attributes: {} };
  return { ...graph, nodes: [...graph.nodes, node], outputs: [{ ...output, name: 'end' }] };
}

test('a model without inputs runs by itself, whatever its card says, and is no classifier', async () => {
  const graph = network();
  const zeros = { dtype: 'float32' as const, shape: [1, 3, 8, 8], data: new Float32Array(192) };
  const initializers = new Map([...graph.initializers, [graph.inputs[0].name, zeros] as const]);
  const alone = carded({ ...graph, inputs: [], initializers }, { size: [8, 8] });
  const given = carded(graph, { size: [8, 8] });
  assert.deepEqual(await alone.run({}), await given.run({ [graph.inputs[0].name]: zeros.data }));
  await assert.rejects(
    classify(alone, picture(8, 8, 3).pixels),
    /not a classifier of pictures: it has no input; call run instead\.$/,
  );
});

test('a picture becomes the numbers that training makes of it, whatever its size, for every way to resize', async () => {
  const graph = network();
  for (const resize of ['squash', 'crop', 'pad'] as const)
    for (const channels of [1, 3, 4] as const) {
      const { pixels, image } = picture(13, 21, channels);
      const colours = channels === 1 ? new Uint8Array([0, 1, 2].flatMap(() => [...image.data])) : image.data;
      const fitted = augmentation({ fit: resize }, [3, 8, 8])(
        { data: colours, channels: 3, height: 21, width: 13 },
        random(0, 'none'),
      );
      const split = memorySplit(fitted.data as Float32Array, Int32Array.of(0), [3, 8, 8]);
      const { mean, std, scale } = card;
      const model = carded(graph, { resize });
      for await (const { inputs } of batches(split, {
        batch: 1,
        normalize: { mean: mean!, std: std!, scale },
      })) {
        const { logits } = await model.run({ input: inputs as Float32Array });
        const sum = logits.reduce((total, x) => total + Math.exp(x), 0);
        const expected = [...logits].map((x, index) => ({
          index,
          score: Math.exp(x) / sum,
          label: card.classes![index],
        }));
        const found = await classify(model, pixels);
        assert.deepEqual(
          found.map(({ index }) => index),
          expected.sort((a, b) => b.score - a.score).map(({ index }) => index),
        );
        for (const [i, { score, label }] of found.entries()) {
          assert.ok(Math.abs(score - expected[i].score) < 1e-6);
          assert.equal(label, expected[i].label);
        }
      }
      await model.close();
    }
});

test('models that end in a Softmax or Sigmoid give their own scores', async () => {
  const { pixels } = picture(8, 8, 3);
  const scores = async (graph: Graph) => {
    const model = carded(graph);
    const found = await classify(model, pixels);
    await model.close();
    return found.map(({ score }) => Number(score.toFixed(5)));
  };
  const logits = await scores(network());
  assert.deepEqual(await scores(ending(network(), 'Softmax')), logits);
  assert.deepEqual(await scores(ending(network(), 'LogSoftmax')), logits);
  const yes = await scores(ending(network(), 'Sigmoid'));
  assert.notDeepEqual(yes, logits);
  assert.ok(yes.every((score) => score > 0 && score < 1));
});

test('colours, layout and grey are the model’s; options come before the card', async () => {
  const { pixels } = picture(8, 8, 3);
  const swapped = { ...pixels, data: pixels.data.map((_, i, all) => all[i - (i % 3) + 2 - (i % 3)]) };
  const [rgb, bgr, grey] = [
    carded(network()),
    carded(network(), { colors: 'BGR' }),
    carded(network([1, 8, 8]), { mean: [0.5], std: [0.25] }),
  ];
  const of = (model: typeof rgb, data: Pixels, options?: ClassifyOptions) => classify(model, data, options);
  assert.deepEqual(await of(bgr, swapped), await of(rgb, pixels));
  assert.deepEqual(await of(bgr, pixels, { colors: 'RGB' }), await of(rgb, pixels));
  assert.notDeepEqual(await of(rgb, pixels, { mean: [0], std: [1] }), await of(rgb, pixels));
  assert.deepEqual(
    (await of(rgb, pixels, { top: 1, classes: ['a', 'b', 'c'] })).map(({ label }) => label).length,
    1,
  );
  const white = { data: new Uint8Array(64).fill(200), width: 8, height: 8 };
  const coloured = { ...white, data: new Uint8Array(192).fill(200) };
  assert.deepEqual(await of(grey, white), await of(grey, coloured));
  const last = turnedRound(network());
  assert.equal(carded(last).card.layout, 'NHWC');
  assert.deepEqual(await of(carded(last), pixels), await of(rgb, pixels));
});

/** The same network for channels last. */
function turnedRound(graph: Graph): Graph {
  const [input] = graph.inputs;
  const perm = { type: 'ints' as const, value: [0, 3, 1, 2] };
  const node = {
    name: 'turn',
    op: 'Transpose',
    domain: '',
    inputs: ['last'],
    outputs: [input.name],
    attributes: { perm },
  };
  return {
    ...graph,
    inputs: [{ ...input, name: 'last', shape: ['N', 8, 8, 3] }],
    nodes: [node, ...graph.nodes],
  };
}

test('a packed model has its card, and its size where the file leaves that open', async () => {
  const graph = network();
  const [input] = graph.inputs;
  const open = { ...graph, inputs: [{ ...input, shape: ['N', 3, 'H', 'W'] }] };
  const model = await load(await pack(withCard(open, { ...card, size: [8, 8] })), { threads: 1 });
  assert.deepEqual([...model.inputs.values()], [[1, 3, 8, 8]]);
  const fixed = await load(serializeModel(withCard(graph, card)), { threads: 1 });
  const { pixels } = picture(20, 10, 4);
  const found = await classify(model, pixels);
  assert.deepEqual(found, await classify(fixed, pixels));
  assert.deepEqual(new Set(found.map(({ label }) => label)), new Set(card.classes));
  await Promise.all([model.close(), fixed.close()]);
});

test('what cannot be classified is refused in a sentence', async () => {
  const model = carded(network());
  const { pixels } = picture(4, 4, 4);
  const refused = (given: unknown, message: RegExp, options?: ClassifyOptions, by = model) =>
    assert.rejects(classify(by, given as typeof pixels, options), { name: 'UserError', message });
  for (const nothing of [undefined, null, 'cat.png', 3, {}, { data: [1, 2], width: 1, height: 2 }])
    await refused(nothing, /^A picture is \{ data, width, height \} here/);
  await refused(
    { ...pixels, width: 5 },
    /^A picture of 5 × 4 pixels has 20 × 4 bytes, .* but this one has 64\.$/,
  );
  await refused({ ...pixels, width: 0 }, /^A picture of 0 × 4 pixels/);
  await refused(pixels, /cannot give 0 labels/, { top: 0 });
  await refused(pixels, /There are 1 classes given, but the model has 3/, { classes: ['a'] });
  await refused(pixels, /does not fit images of 3 channels/, { mean: [0, 0], std: [1, 1] });
  const bare = modelOf(network(), { machine });
  await refused(
    pixels,
    /^The model does not say how its pictures are normalised; give classify the mean and std/,
    {},
    bare,
  );
  assert.deepEqual((await classify(bare, pixels, { mean: [0], std: [1] })).map(({ label }) => label).sort(), [
    '0',
    '1',
    '2',
  ]);
});
