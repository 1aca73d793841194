import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { UserError } from '../base/index.js';
import { ModelProtoSchema } from './generated/onnx_pb.js';
import { parseModel } from './parse.js';
import { serializeModel } from './serialize.js';

const value = (name: string) => ({
  name,
  type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: 'N' }, { dimValue: 4n }] } } },
});
const branch = { name: 'b', node: [{ opType: 'Neg', input: ['a'], output: ['z'] }], output: [value('z')] };
const whole = toBinary(
  ModelProtoSchema,
  create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ version: 13n }],
    metadataProps: [{ key: 'k', value: 'v' }],
    graph: {
      name: 'g',
      input: [value('x'), { name: 'if', type: { tensorType: { elemType: 9, shape: {} } } }],
      output: [value('y')],
      valueInfo: [value('a')],
      node: [
        {
          opType: 'Constant',
          output: ['c'],
          attribute: [{ name: 'value', type: 4, t: { dims: [4n], dataType: 10, int32Data: [1, 2, 3, 4] } }],
        },
        { name: 'add', opType: 'Add', input: ['x', 'c'], output: ['m'], docString: 'sum' },
        {
          opType: 'Conv',
          input: ['m', 'W'],
          output: ['a'],
          attribute: [
            { name: 'pads', type: 7, ints: [1n, -1n, 2n ** 63n - 1n] },
            { name: 'alpha', type: 1, f: 0.5 },
          ],
        },
        {
          opType: 'If',
          input: ['if'],
          output: ['y'],
          attribute: [{ name: 'then_branch', type: 5, g: branch }],
        },
      ],
      initializer: [
        { name: 'W', dims: [2n, 2n], dataType: 1, rawData: new Uint8Array(16) },
        { name: 'I', dims: [3n], dataType: 7, int64Data: [1n, 2n, 3n] },
      ],
    },
  }),
);

/** Reads; what was read must be fit to be written and read again. */
async function survives(bytes: Uint8Array): Promise<boolean> {
  try {
    const graph = await parseModel(bytes);
    await parseModel(serializeModel(graph));
    return true;
  } catch (error) {
    assert.ok(error instanceof UserError, `${(error as Error).stack}`);
    assert.ok(!error.message.includes('\n'), error.message);
    return false;
  }
}

test('the whole model is read', async () => assert.ok(await survives(whole)));

test('every prefix is read or refused by a sentence', async () => {
  for (let length = 0; length < whole.length; length++) await survives(whole.subarray(0, length));
});

test('every single flipped bit is read or refused by a sentence', async () => {
  for (let bit = 0; bit < 8 * whole.length; bit++) {
    const bytes = whole.slice();
    bytes[bit >> 3] ^= 1 << (bit & 7);
    await survives(bytes);
  }
});

test('random damage is read or refused by a sentence', async () => {
  const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(damage, async (changes) => {
      const bytes = whole.slice();
      for (const [at, byte] of changes) bytes[at] = byte;
      await survives(bytes);
    }),
    { numRuns: 2000 },
  );
});

test('nested deeper than any model is a sentence, not a stack overflow', async () => {
  let bytes = new Uint8Array();
  for (let depth = 0; depth < 3000; depth++) {
    const field = [0x0a, 0x2a, 0x32][depth % 3];
    const length: number[] = [];
    for (let rest = bytes.length; ; rest >>>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest);
      if (rest <= 127) break;
    }
    bytes = Uint8Array.from([field, ...length, ...bytes]);
  }
  assert.equal(await survives(bytes), false);
});
