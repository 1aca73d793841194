/** What stands for something else in a file (functions, decided branches, sparse tensors) is read as that, and computes the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { UserError } from '../base/index.js';
import {
  type FunctionProtoSchema,
  type GraphProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
} from './generated/onnx_pb.js';
import { parseModel } from './parse.js';
import { serializeModel } from './serialize.js';

type Fields<Schema extends Parameters<typeof create>[0]> = Exclude<
  MessageInitShape<Schema>,
  { $typeName: unknown }
>;
type GraphFields = Fields<typeof GraphProtoSchema>;
type NodeFields = Fields<typeof NodeProtoSchema>;
type FunctionFields = Fields<typeof FunctionProtoSchema>;

const value = (name: string) => ({
  name,
  type: { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 4n }] } } },
});
const node = (opType: string, input: string[], output: string[], more: NodeFields = {}): NodeFields => ({
  ...{ opType, input, output, ...more },
});
const own = (opType: string, input: string[], output: string[], attribute: NodeFields['attribute'] = []) =>
  node(opType, input, output, { domain: 'own', attribute });
const floats = (name: string, ...floatData: number[]) => ({
  ...{ name, dims: [BigInt(floatData.length)], dataType: 1, floatData },
});
const truth = (name: string, is: boolean) => ({ name, dims: [], dataType: 9, int32Data: [Number(is)] });
const branch = (name: string, g: GraphFields) => ({ name, type: 5, g: { name, ...g } });
const f = (name: string, number: number) => ({ name, type: 1, f: number });
const refer = (name: string, refAttrName: string) => ({ name, type: 1, refAttrName });

function model(graph: GraphFields, functions: FunctionFields[] = []): Uint8Array {
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [{ version: 15n }, { domain: 'own', version: 1n }],
      graph: { name: 'g', input: [value('x')], output: [value('y')], ...graph },
      functions: functions.map((body) => ({ domain: 'own', opsetImport: [{ version: 15n }], ...body })),
    }),
  );
}

const x = new Tensor('float32', [3, -4, 0.5, -1], [4]);
async function answers(bytes: Uint8Array): Promise<number[]> {
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 4 });
  const { y } = await session.run({ x });
  await session.release();
  return Array.from(y.data as Float32Array);
}

/** The model as it is read, once onnxruntime has found that it computes the same; or what is expected, where it refuses the file. */
async function read(bytes: Uint8Array, expected?: readonly number[]) {
  const graph = await parseModel(bytes);
  assert.deepEqual(await answers(serializeModel(graph)), expected ?? (await answers(bytes)));
  return graph;
}

const opsOf = ({ nodes }: { nodes: readonly { op: string }[] }) => nodes.map(({ op }) => op).join(' ');
const refused = (bytes: Uint8Array, sentence: RegExp) =>
  assert.rejects(parseModel(bytes), (error) => error instanceof UserError && sentence.test(error.message));

/** Gives its input out as well; one of its attributes has a default, one of its inputs is never used. */
const leaky: FunctionFields = {
  name: 'Leaky',
  input: ['a', 'unused'],
  output: ['b', 'a'],
  attribute: ['slope'],
  attributeProto: [f('scale', 0.25)],
  node: [
    node('LeakyRelu', ['a'], ['t'], { name: 'in', attribute: [refer('alpha', 'slope')] }),
    node('LeakyRelu', ['t'], ['b'], { attribute: [refer('alpha', 'scale')] }),
  ],
};

test('calls of functions become the nodes of their bodies, with what the call gives them', async () => {
  const twice: FunctionFields = {
    name: 'Twice',
    input: ['a'],
    output: ['t'],
    node: [own('Leaky', ['a'], ['b', 'c'], [f('slope', 0.5)]), node('Add', ['b', 'c'], ['t'])],
  };
  const graph = await read(
    model(
      {
        node: [
          own('Twice', ['x'], ['t']),
          own('Twice', ['t'], ['u']),
          own('Leaky', ['u', ''], ['y', ''], [f('slope', 0.25), f('scale', 2)]),
        ],
      },
      [leaky, twice],
    ),
    [12, -2.53125, 2, -0.6328125],
  );
  const one = 'LeakyRelu LeakyRelu Identity Add';
  assert.equal(opsOf(graph), `${one} ${one} LeakyRelu LeakyRelu`);
  assert.equal(graph.nodes[0].name, 'Twice/Leaky/in');
  assert.equal(graph.nodes.at(-1)!.attributes.alpha.value, 2);
  assert.deepEqual(graph.source.opsets, { '': 15 });
});

test('functions are called from branches, and have branches that take values from around them', async () => {
  const choosing: FunctionFields = {
    name: 'Choosing',
    input: ['a', 'c'],
    output: ['b'],
    node: [
      node('Neg', ['a'], ['t']),
      node('If', ['c'], ['b'], {
        attribute: [
          branch('then_branch', { node: [node('Exp', ['t'], ['x1'])], output: [value('x1')] }),
          branch('else_branch', { node: [node('Abs', ['t'], ['x1'])], output: [value('x1')] }),
        ],
      }),
    ],
  };
  const zeros = { node: [node('Identity', ['zero'], ['z'])], output: [value('z')] };
  const inner = { node: [own('Leaky', ['h'], ['r'])], output: [value('r')] };
  const graph = await read(
    model(
      {
        initializer: [floats('zero', 0, 0, 0, 0)],
        node: [
          node('ReduceMax', ['x'], ['m'], { attribute: [{ name: 'keepdims', type: 2, i: 0n }] }),
          node('Cast', ['m'], ['c'], { attribute: [{ name: 'to', type: 2, i: 9n }] }),
          own('Choosing', ['x', 'c'], ['h']),
          node('If', ['c'], ['y'], {
            attribute: [branch('then_branch', inner), branch('else_branch', zeros)],
          }),
        ],
      },
      [{ ...leaky, input: ['a'], output: ['b'] }, choosing],
    ),
  );
  assert.equal(opsOf(graph), 'ReduceMax Cast Neg If If');
});

test('functions of another operator set stay calls, and are carried', async () => {
  const old = { ...leaky, opsetImport: [{ version: 14n }] };
  const graph = await parseModel(model({ node: [own('Leaky', ['x'], ['y', ''])] }, [old]));
  assert.equal(opsOf(graph), 'Leaky');
  assert.equal(opsOf(await parseModel(serializeModel(graph))), 'Leaky');
  assert.ok(
    serializeModel(graph).length >
      serializeModel({ ...graph, source: { ...graph.source, carried: undefined } }).length,
  );
});

test('functions that call themselves, or each other without measure, are refused', async () => {
  const call = (name: string, from: string, to: string) => own(name, [from], [to]);
  const self: FunctionFields = { name: 'F', input: ['a'], output: ['b'], node: [call('F', 'a', 'b')] };
  await refused(model({ node: [call('F', 'x', 'y')] }, [self]), /function F calls itself/);
  const tower = Array.from(
    { length: 30 },
    (_, i): FunctionFields => ({
      name: `F${i}`,
      input: ['a'],
      output: ['c'],
      node: [call(`F${i + 1}`, 'a', 'b'), call(`F${i + 1}`, 'b', 'c')],
    }),
  );
  const chain = Array.from(
    { length: 5000 },
    (_, i): FunctionFields => ({
      ...{ name: `F${i}`, input: ['a'], output: ['b'], node: [call(`F${i + 1}`, 'a', 'b')] },
    }),
  );
  await refused(model({ node: [call('F0', 'x', 'y')] }, chain), /functions call each other 100 deep/);
  await refused(
    model({ node: [call('F0', 'x', 'y')] }, tower),
    /it has 1073741824 nodes, more than any network/,
  );
});

test('an If whose condition is written in the file is the branch that it says', async () => {
  const inside = (op: string, weights: number[]): GraphFields => ({
    initializer: [floats('w', ...weights), truth('again', op === 'Add')],
    node: [
      node(op, ['h', 'w'], ['t']),
      node('If', ['again'], ['r'], {
        attribute: [
          branch('then_branch', { node: [node('Relu', ['t'], ['inner'])], output: [value('inner')] }),
          branch('else_branch', { output: [value('h')] }),
        ],
      }),
    ],
    output: [value('r'), value('h'), value('w')],
  });
  const decided = (is: boolean) =>
    model({
      initializer: [truth('c', is), floats('other', 1, 1, 1, 1)],
      node: [
        node('Neg', ['x'], ['h']),
        node('If', ['c'], ['r1', 'h1', 'w1'], {
          attribute: [
            branch('then_branch', inside('Add', [1, 2, 3, 4])),
            branch('else_branch', inside('Mul', [5, 6, 7, 8])),
          ],
        }),
        node('Sum', ['r1', 'h1', 'w1'], ['y']),
      ],
    });
  const yes = await read(decided(true), [-2, 12, 5, 10]);
  assert.equal(opsOf(yes), 'Neg Add Relu Identity Identity Sum');
  const no = await read(decided(false), [-1, 14, 6, 10]);
  assert.equal(opsOf(no), 'Neg Identity Identity Identity Sum');
  assert.deepEqual(
    [...yes.initializers.values()].map(({ data }) => [...data]),
    [[1, 2, 3, 4]],
  );
  assert.deepEqual(
    [...no.initializers.values()].map(({ data }) => [...data]),
    [[5, 6, 7, 8]],
  );
});

test('names that branches share with others stay apart', async () => {
  const same = (op: string): GraphFields => ({ node: [node(op, ['x'], ['t'])], output: [value('t')] });
  const asks = (condition: string, output: string, [one, other]: string[]) =>
    node('If', [condition], [output], {
      attribute: [branch('then_branch', same(one)), branch('else_branch', same(other))],
    });
  const graph = await read(
    model({
      initializer: [truth('yes', true)],
      node: [
        node('Constant', [], ['no'], { attribute: [{ name: 'value', type: 4, t: truth('', false) }] }),
        node('ReduceMax', ['x'], ['m'], { attribute: [{ name: 'keepdims', type: 2, i: 0n }] }),
        node('Cast', ['m'], ['open'], { attribute: [{ name: 'to', type: 2, i: 9n }] }),
        asks('yes', 'a', ['Exp', 'Neg']),
        asks('no', 'b', ['Abs', 'Sin']),
        asks('open', 'c', ['Cos', 'Tanh']),
        node('Sum', ['a', 'b', 'c'], ['y']),
      ],
    }),
  );
  assert.equal(opsOf(graph), 'ReduceMax Cast Exp Sin If Sum');
});

const sparse = (
  name: string,
  values: number[],
  indices: { dims: bigint[]; list: number[] },
  dims: bigint[],
) => ({
  values: floats(name, ...values),
  indices: { name: 'i', dims: indices.dims, dataType: 7, int64Data: indices.list.map(BigInt) },
  dims,
});

test('sparse tensors are dense ones', async () => {
  const flat = sparse('w', [5, 7], { dims: [2n], list: [1, 3] }, [2n, 2n]);
  const pairs = sparse('v', [5, 7], { dims: [2n, 2n], list: [0, 1, 1, 1] }, [2n, 2n]);
  const constant = { name: 'sparse_value', type: 11, sparseTensor: { ...flat, values: floats('', 5, 7) } };
  const graph = await parseModel(
    model({
      sparseInitializer: [flat, pairs],
      node: [node('Constant', [], ['u'], { attribute: [constant] }), node('Sum', ['w', 'v', 'u'], ['y'])],
    }),
  );
  for (const name of ['w', 'v', 'u']) {
    const { shape, data } = graph.initializers.get(name)!;
    assert.deepEqual(
      [shape, [...data]],
      [
        [2, 2],
        [0, 5, 0, 7],
      ],
      name,
    );
  }
  const damaged = (one: typeof flat, sentence: RegExp) =>
    refused(model({ sparseInitializer: [one] }), sentence);
  await damaged(
    sparse('w', [5], { dims: [1n], list: [4] }, [2n, 2n]),
    /w has a value at \[4\], outside of \[2, 2\]/,
  );
  await damaged(sparse('w', [5], { dims: [1n, 2n], list: [0, -1] }, [2n, 2n]), /outside of \[2, 2\]/);
  await damaged(sparse('w', [5, 6], { dims: [1n], list: [0] }, [2n, 2n]), /2 values but 1 indices/);
  await damaged(
    sparse('w', [5], { dims: [1n], list: [0] }, [2n ** 20n, 2n ** 20n]),
    /with its sparse tensors would unpack to 4398.0 GB/,
  );
  const half = sparse('', [5], { dims: [1n], list: [0] }, [2n ** 13n, 2n ** 14n]);
  const large = [1, 2, 3].map((i) =>
    node('Constant', [], [`c${i}`], { attribute: [{ name: 'sparse_value', type: 11, sparseTensor: half }] }),
  );
  await refused(model({ node: large }), /sparse tensors would unpack to 1.6 GB/);
});
