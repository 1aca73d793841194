import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { integer, random, UserError } from '../base/index.js';
import { buildNetwork } from '../nn/index.js';
import { type Graph, serializeModel } from '../onnx/index.js';
import { load } from './index.js';
import { pack, unpack } from './pack.js';

function network(density: number): Graph {
  const graph = buildNetwork('resnet20', { shape: [3, 32, 32], classes: 10, seed: 1 });
  const r = random(1, 'pack');
  const initializers = new Map(graph.initializers);
  for (const [name, tensor] of initializers)
    if (tensor.shape.length > 1)
      initializers.set(name, {
        ...tensor,
        data: (tensor.data as Float32Array).map((x) => (integer(r, 1000) < 1000 * density ? x : 0)),
      });
  return { ...graph, initializers };
}

test('what is packed comes out as it went in', async () => {
  for (const density of [1, 0.4, 0.05, 0]) {
    const graph = network(density);
    const back = await unpack(await pack(graph));
    assert.deepEqual([...back.initializers], [...graph.initializers]);
    assert.deepEqual(Buffer.from(serializeModel(back)), Buffer.from(serializeModel(graph)));
  }
});

test('it is smaller than the gzip of the dense file', async () => {
  for (const density of [0.1, 0.05, 0.02]) {
    const graph = network(density);
    const zipped = gzipSync(serializeModel(graph), { level: 9 }).length;
    const whole = (await pack(graph)).length;
    const half = (await pack(graph, { values: 'float16' })).length;
    assert.ok(whole < zipped, `${whole} of ${zipped} bytes at density ${density}`);
    assert.ok(half < whole);
  }
});

test('float16 rounds to eleven bits', async () => {
  const graph = network(0.2);
  const [name, tensor] = [...graph.initializers].find(([, { shape }]) => shape.length === 4)!;
  const special = [
    65504,
    1e6,
    -1e6,
    2 ** -24,
    2 ** -15,
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
    -0.1,
    2 ** -26,
    2047.9 / 2048,
  ];
  const data = new Float32Array(tensor.data.length);
  data.set(special, 5);
  graph.initializers.set(name, { ...tensor, data });
  const back = await unpack(await pack(graph, { values: 'float16' }));
  const found = (back.initializers.get(name)!.data as Float32Array).subarray(5, 5 + special.length);
  assert.deepEqual(
    [...found],
    [65504, 65504, -65504, 2 ** -24, 2 ** -15, 1, 1 + 2 ** -9, -0.0999755859375, 0, 1],
  );
});

test('a packed model runs like the one it was packed from', async () => {
  const graph = network(0.1);
  const image = Float32Array.from({ length: 3072 }, (_, i) => Math.sin(i));
  const answers = [];
  for (const bytes of [serializeModel(graph), await pack(graph)]) {
    const model = await load(bytes, { threads: 1 });
    answers.push(await model.run({ input: image }));
    await model.close();
  }
  assert.deepEqual(answers[0], answers[1]);
});

/** A packed file of these parts, whose head says `inflated`. */
function packed(deflated: Uint8Array, inflated: number): Uint8Array {
  const bytes = new Uint8Array(28 + deflated.length);
  bytes.set(deflated, 28);
  const head = new DataView(bytes.buffer);
  for (const [i, word] of [0x4b505345, 1, 0, 0, deflated.length, inflated, 0].entries())
    head.setUint32(4 * i, word, true);
  head.setUint32(12, crc32(bytes.subarray(16)), true);
  return bytes;
}

test('what would unpack to gigabytes is refused before it does', async () => {
  const large = /would unpack to \d\.\d GB, but at most 1\.1 GB are read; use the model as \.onnx\.$/;
  await assert.rejects(unpack(packed(new Uint8Array(4e6), 4e9)), large);
  await assert.rejects(unpack(packed(new Uint8Array(4e3), 4e9)), /damaged or cut short/);
  const graph = network(0.02);
  const [name] = graph.initializers.keys();
  const text = Buffer.from(JSON.stringify([{ name, shape: [2 ** 15, 2 ** 15] }]));
  const parts = [text, Buffer.from(serializeModel(graph))].flatMap((part) => [
    Buffer.from(Uint32Array.of(part.length).buffer),
    part,
  ]);
  const plain = Buffer.concat(parts);
  await assert.rejects(unpack(packed(deflateRawSync(plain), plain.length)), large);
  for (const shape of [[], [0, 4], [-2, 3], [1.5], 'four', null]) {
    const list = Buffer.from(JSON.stringify([{ name, shape }]));
    const odd = Buffer.concat([Buffer.from(Uint32Array.of(list.length).buffer), list, ...parts.slice(2)]);
    await assert.rejects(unpack(packed(deflateRawSync(odd), odd.length)), /damaged or cut short/);
  }
});

test('damaged, cut and later ones are refused in a sentence', async () => {
  const bytes = await pack(network(0.02));
  const r = random(3, 'damage');
  for (let i = 0; i < 200; i++) {
    const broken = bytes.slice();
    broken[4 + integer(r, broken.length - 4)] ^= 1 << integer(r, 8);
    await assert.rejects(unpack(broken), UserError);
  }
  for (const length of [0, 3, 20, 28, 100, bytes.length - 1])
    await assert.rejects(unpack(bytes.slice(0, length)), /damaged or cut short/);
  const later = bytes.slice();
  later[4] = 2;
  await assert.rejects(unpack(later), /version 2, but version 1 is what is read here/);
});
