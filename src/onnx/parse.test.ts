import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { UserError } from '../base/index.js';
import { attr, usedValues } from './attributes.js';
import { GraphProtoSchema, ModelProtoSchema, type NodeProtoSchema } from './generated/onnx_pb.js';
import { toFloat16, withoutFloat16Array } from './half.js';
import type { Graph } from './model.js';
import { parseModel } from './parse.js';
import { serializeModel } from './serialize.js';
import { widenedFile } from './widen.js';

type GraphFields = Exclude<MessageInitShape<typeof GraphProtoSchema>, { $typeName: unknown }>;
type ModelFields = Exclude<MessageInitShape<typeof ModelProtoSchema>, { $typeName: unknown }>;
type NodeFields = MessageInitShape<typeof NodeProtoSchema>;

const value = (name: string, elemType = 1) => ({
  name,
  type: { tensorType: { elemType, shape: { dim: [{ dimParam: 'N' }, { dimValue: 2n }] } } },
});
const node = (opType: string, input: string[], output: string[], more: object = {}): NodeFields => ({
  opType,
  input,
  output,
  ...more,
});
const weight = (name: string) => ({ name, dims: [2n], dataType: 1, floatData: [1, 2] });

function model(graph: GraphFields, more: ModelFields = {}): Uint8Array {
  const whole = { irVersion: 8n, opsetImport: [{ version: 13n }], ...more };
  const io = { name: 'g', input: [value('x')], output: [value('y')], ...graph };
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, { ...whole, graph: create(GraphProtoSchema, io) }),
  );
}

const parse = (graph: GraphFields, more?: ModelFields) => parseModel(model(graph, more));
const refused = (graph: GraphFields, sentence: RegExp, more?: ModelFields) =>
  assert.rejects(
    parse(graph, more),
    (error) => error instanceof UserError && sentence.test(error.message),
    `${sentence}`,
  );

async function run(bytes: Uint8Array, feeds: Record<string, OrtTensor>): Promise<Record<string, number[]>> {
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const results = await session.run(feeds);
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => [name, Array.from(data as Float32Array, Number)]),
  );
}
const x = withoutFloat16Array(() => new OrtTensor('float32', [3, -4], [1, 2]));

test('nodes are put in order, named, and otherwise left where they are', async () => {
  const graph = await parse({
    node: [
      node('Relu', ['b'], ['y']),
      node('Add', ['x', 'W'], ['a'], { name: 'add' }),
      node('Relu', ['a'], ['b'], { name: 'add' }),
      node('Neg', ['x'], ['c'], { name: 'Relu_1' }),
    ],
    initializer: [weight('W')],
  });
  assert.deepEqual(
    graph.nodes.map((node) => node.name),
    ['add', 'add_1', 'Relu_2', 'Relu_1'],
  );
  assert.deepEqual(
    graph.nodes.map((node) => node.outputs[0]),
    ['a', 'b', 'y', 'c'],
  );
  assert.deepEqual(await run(serializeModel(graph), { x }), { y: [4, 0] });
});

test('a chain deeper than the call stack is sorted', async () => {
  const n = 20000;
  const chain = Array.from({ length: n }, (_, i) =>
    node('Relu', [i === n - 1 ? 'x' : `v${i + 1}`], [i === 0 ? 'y' : `v${i}`]),
  );
  const graph = await parse({ node: chain });
  assert.equal(graph.nodes.at(-1)!.outputs[0], 'y');
});

test('graphs that do not fit together are refused by one sentence', async () => {
  await refused({ node: [node('Add', ['x', 'b'], ['y']), node('Relu', ['y'], ['b'])] }, /round a cycle/);
  await refused(
    { node: [node('Add', ['x', 'nowhere'], ['y'], { name: 'sum' })] },
    /node sum \(Add\) needs value nowhere/,
  );
  await refused({ node: [node('Relu', ['x'], ['y']), node('Neg', ['x'], ['y'])] }, /value y is given twice/);
  await refused({ node: [node('Relu', ['x'], ['x'])] }, /value x is given twice/);
  const shadow = node('Constant', [], ['x'], { attribute: [{ name: 'value_float', type: 1, f: 1 }] });
  await refused({ node: [shadow, node('Relu', ['x'], ['y'])] }, /value x is given twice/);
  await refused({ initializer: [weight('W'), weight('W')] }, /value W is given twice/);
  await refused({ input: [value('x'), value('x')] }, /input x is declared twice/);
  await refused({ node: [] }, /output y is made by no node/);
  await refused({ node: [node('Relu', ['x'], ['y'])] }, /operator set 6/, { opsetImport: [{ version: 6n }] });
  await refused({ node: [node('Relu', ['x'], ['y'])] }, /operator set 1/, { opsetImport: [] });
  await refused({ input: [value('x', 14)] }, /input x is not a tensor, or has a type/);
  await refused(
    { sparseInitializer: [{ values: weight('S') }] },
    /sparse tensor S lacks its values or indices/,
  );
  await refused(
    { initializer: [{ name: 'Q', dims: [2n], dataType: 26, rawData: Uint8Array.of(1) }] },
    /tensor Q has elements of type int2/,
  );
  await refused(
    {
      initializer: [
        {
          name: 'W',
          dims: [1n],
          dataType: 1,
          dataLocation: 1,
          externalData: [{ key: 'location', value: 'w.bin' }],
        },
      ],
    },
    /tensor W is stored in w.bin/,
  );
  await assert.rejects(parseModel(new Uint8Array()), /not an ONNX model/);
  await assert.rejects(
    parseModel(new TextEncoder().encode('<!DOCTYPE html>'), { name: 'a.onnx' }),
    /^UserError: a.onnx is damaged or not an ONNX model/,
  );
});

test('Constant nodes become initialisers', async () => {
  const constant = (name: string, attribute: object) =>
    node('Constant', [], [name], { attribute: [attribute] });
  const graph = await parse({
    node: [
      constant('t', { name: 'value', type: 4, t: { dims: [2n], dataType: 1, floatData: [1, 2] } }),
      constant('f', { name: 'value_float', type: 1, f: 0.5 }),
      constant('fs', { name: 'value_floats', type: 6, floats: [1, 2] }),
      constant('i', { name: 'value_int', type: 2, i: 3n }),
      constant('is', { name: 'value_ints', type: 7, ints: [4n, 5n] }),
      constant('s', { name: 'value_string', type: 3, s: new TextEncoder().encode('a') }),
      constant('ss', { name: 'value_strings', type: 8, strings: [new TextEncoder().encode('b')] }),
      node('Add', ['x', 't'], ['y']),
    ],
  });
  assert.deepEqual(
    graph.nodes.map((node) => node.op),
    ['Add'],
  );
  assert.deepEqual(Object.fromEntries(graph.initializers), {
    t: { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) },
    f: { dtype: 'float32', shape: [], data: Float32Array.of(0.5) },
    fs: { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) },
    i: { dtype: 'int64', shape: [], data: BigInt64Array.of(3n) },
    is: { dtype: 'int64', shape: [2], data: BigInt64Array.of(4n, 5n) },
    s: { dtype: 'string', shape: [], data: ['a'] },
    ss: { dtype: 'string', shape: [1], data: ['b'] },
  });
  assert.deepEqual(await run(serializeModel(graph), { x }), { y: [4, -2] });
});

test('initialisers that are inputs or outputs, and an input that is an output', async () => {
  for (const irVersion of [3n, 8n]) {
    const graph = await parse(
      {
        input: [
          value('x'),
          { name: 'W', type: { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 2n }] } } } },
        ],
        output: [value('y'), value('x'), { name: 'W', type: { tensorType: { elemType: 1 } } }],
        node: [node('Add', ['x', 'W'], ['y'])],
        initializer: [weight('W')],
      },
      { irVersion, opsetImport: [{ version: 8n }] },
    );
    assert.deepEqual(graph.inputs, [{ name: 'x', dtype: 'float32', shape: ['N', 2] }]);
    assert.deepEqual(await run(serializeModel(graph), { x }), { y: [4, -2], x: [3, -4], W: [1, 2] });
  }
});

test('16-bit floats stay what they are everywhere, and become float32 where they are asked to', async () => {
  const half = { dims: [2n], dataType: 10, rawData: Uint8Array.of(0, 0x3c, 0, 0x40) };
  const inner = create(GraphProtoSchema, {
    name: 'branch',
    node: [node('Add', ['c', 'V'], ['z'])],
    initializer: [{ ...half, name: 'V' }],
    output: [value('z', 10)],
  });
  const bytes = model({
    input: [value('x', 10), { name: 'if', type: { tensorType: { elemType: 9, shape: {} } } }],
    output: [value('y', 10)],
    node: [
      node('Cast', ['x'], ['f'], { attribute: [{ name: 'to', type: 2, i: 1n }] }),
      node('Mul', ['f', 'f'], ['g']),
      node('Cast', ['g'], ['h'], { attribute: [{ name: 'to', type: 2, i: 10n }] }),
      node('Add', ['h', 'W'], ['c']),
      node('If', ['if'], ['y'], {
        attribute: [
          { name: 'then_branch', type: 5, g: inner },
          { name: 'else_branch', type: 5, g: inner },
        ],
      }),
    ],
    initializer: [{ ...half, name: 'W' }],
    valueInfo: [value('h', 10)],
  });
  const graph = await parseModel(bytes);
  assert.deepEqual(graph.initializers.get('W')!.data, Float32Array.of(1, 2));
  const written = serializeModel(graph);
  const about = ({ inputs, outputs, declared, initializers, nodes }: Graph) => [
    ...[inputs[0].dtype, outputs[0].dtype, declared.get('h')!.dtype, initializers.get('W')!.dtype],
    ...nodes.flatMap((node) => (node.op === 'Cast' ? attr.int(node, 'to') : [])),
  ];
  const kept = [...Array(4).fill('float16'), 1, 10];
  assert.deepEqual([about(graph), about(await parseModel(written))], [kept, kept]);
  const bits = { x: new OrtTensor('float16', Uint16Array.of(0x4200, 0xc400), [1, 2]) };
  const truth = new OrtTensor('bool', [true], []);
  const narrow = await run(written, { ...bits, if: truth });
  assert.deepEqual(narrow, { y: [11, 20].map(toFloat16) });
  const wide = widenedFile(written);
  assert.deepEqual(about(await parseModel(wide)), [...Array(4).fill('float32'), 1, 1]);
  assert.deepEqual(await run(wide, { x, if: truth }), { y: [11, 20] });
});

test('what subgraphs take from outside counts as used, and subgraphs are written as they were', async () => {
  const branch = (op: string) =>
    create(GraphProtoSchema, { name: op, node: [node(op, ['outer'], ['z'])], output: [value('z')] });
  const bytes = model({
    input: [value('x'), { name: 'if', type: { tensorType: { elemType: 9, shape: {} } } }],
    node: [
      node('If', ['if'], ['y'], {
        attribute: [
          { name: 'then_branch', type: 5, g: branch('Neg') },
          { name: 'else_branch', type: 5, g: branch('Abs') },
        ],
      }),
      node('Relu', ['x'], ['outer']),
    ],
  });
  const graph = await parseModel(bytes);
  assert.deepEqual(
    graph.nodes.map((node) => node.op),
    ['Relu', 'If'],
  );
  assert.deepEqual(usedValues(graph.nodes[1]), ['if', 'outer', 'outer']);
  const before = fromBinary(ModelProtoSchema, bytes).graph!.node[0].attribute;
  const after = fromBinary(ModelProtoSchema, serializeModel(graph)).graph!.node[1].attribute;
  assert.deepEqual(after, before);
});

test('integers beyond 2^53 saturate and are written back as the ends of int64', async () => {
  const ends = [2n ** 63n - 1n, -(2n ** 63n), 7n];
  const graph = await parse({
    node: [node('Relu', ['x'], ['y'], { attribute: [{ name: 'ends', type: 7, ints: ends }] })],
  });
  assert.deepEqual(attr.ints(graph.nodes[0], 'ends'), [2 ** 63, -(2 ** 63), 7]);
  assert.deepEqual(
    fromBinary(ModelProtoSchema, serializeModel(graph)).graph!.node[0].attribute[0].ints,
    ends,
  );
});

test('what a file says about itself comes back, known to us or not', async () => {
  const unknown = (no: number) => [{ no, wireType: 2, data: Uint8Array.of(2, 104, 105) }];
  const graph = create(GraphProtoSchema, {
    name: 'net',
    docString: 'a graph',
    node: [
      node('Relu', ['x'], ['a'], { docString: 'a node', metadataProps: [{ key: 'k', value: 'v' }] }),
      node('Mine', ['a'], ['y'], { name: 'm', domain: 'own', overload: 'o' }),
    ],
    input: [{ ...value('x'), docString: 'an input' }],
    output: [
      {
        name: 'y',
        type: {
          denotation: 'IMAGE',
          tensorType: { elemType: 1, shape: { dim: [{ denotation: 'DATA_BATCH' }, { dimValue: 2n }] } },
        },
      },
    ],
    valueInfo: [
      value('a'),
      { name: 's', type: { sequenceType: { elemType: { tensorType: { elemType: 1 } } } } },
    ],
    initializer: [{ ...weight('W'), docString: 'a weight' }],
  });
  graph.$unknown = unknown(14);
  const proto = create(ModelProtoSchema, {
    irVersion: 10n,
    producerName: 'p',
    producerVersion: '1',
    domain: 'd',
    modelVersion: 5n,
    docString: 'a model',
    graph,
    opsetImport: [
      { domain: '', version: 21n },
      { domain: 'own', version: 1n },
    ],
    metadataProps: [{ key: '__proto__', value: 'v' }],
    functions: [{ name: 'Mine', node: [node('Neg', ['i'], ['o'])], $unknown: unknown(10) } as never],
  });
  proto.$unknown = unknown(26);
  const written = fromBinary(
    ModelProtoSchema,
    serializeModel(await parseModel(toBinary(ModelProtoSchema, proto))),
  );
  graph.node[0].name = 'Relu_1';
  graph.initializer[0].rawData = new Uint8Array(Float32Array.of(1, 2).buffer);
  graph.initializer[0].floatData = [];
  assert.deepEqual(written, fromBinary(ModelProtoSchema, toBinary(ModelProtoSchema, proto)));
});
