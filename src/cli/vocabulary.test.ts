/** vocabulary, from the command line: rows of a table go with all that is tied to them, and what would change the meaning of ids is refused. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { loadNetwork, openMachine } from '../engine/index.js';
import { builder } from '../nn/index.js';
import { type Graph, type Node, readModel, type Value, writeModel } from '../onnx/index.js';
import { shell } from './shell.test.fixture.js';

const { at, espalier } = shell('vocabulary');
const [TOKENS, WIDTH, LENGTH] = [40, 6, 5];

const node = (op: string, inputs: string[], output: string, attributes: Node['attributes'] = {}): Node => ({
  ...{ name: output, op, domain: '', inputs, outputs: [output], attributes },
});

/** Ids → rows of a table → a layer → scores by the same table, with a bias → a softmax. */
function model(head: 'tied' | 'own' | 'none'): Graph {
  const b = builder({ name: 'tiny', seed: 5 });
  const graph = b.finish({ h: b.linear(b.input('x', [WIDTH]), { out: WIDTH, name: 'layer' }) });
  const numbers = (name: string, shape: number[]) =>
    [
      name,
      {
        ...{ dtype: 'float32' as const, shape },
        data: Float32Array.from({ length: shape.reduce((a, n) => a * n, 1) }, (_, i) =>
          Math.sin(i * 1.7 + shape.length),
        ),
      },
    ] as const;
  const ids: Value = { name: 'ids', dtype: 'int64', shape: ['N', LENGTH] };
  const turn = node('Transpose', ['table'], 'turned');
  const scores =
    head === 'tied'
      ? [turn, node('MatMul', ['hidden', 'turned'], 'plain')]
      : [node('MatMul', ['hidden', 'out'], 'plain')];
  const nodes = [
    node('Gather', ['table', 'ids'], 'rows'),
    node('MatMul', ['rows', 'mix'], 'mixed'),
    node('Tanh', ['mixed'], 'hidden'),
    ...(head === 'none'
      ? []
      : [
          ...scores,
          node('Add', ['plain', 'bias'], 'scores'),
          node('Softmax', ['scores'], 'chance', { axis: { type: 'int', value: -1 } }),
        ]),
  ];
  const float = (name: string, width: number): Value => ({
    name,
    dtype: 'float32',
    shape: ['N', LENGTH, width],
  });
  return {
    ...graph,
    ...{ inputs: [ids], nodes, declared: new Map() },
    outputs: head === 'none' ? [float('hidden', WIDTH)] : [float('scores', TOKENS), float('chance', TOKENS)],
    initializers: new Map([
      ...[numbers('table', [TOKENS, WIDTH]), numbers('mix', [WIDTH, WIDTH])],
      ...(head === 'none' ? [] : [numbers('bias', [TOKENS])]),
      ...(head === 'own' ? [numbers('out', [WIDTH, TOKENS])] : []),
    ]),
  };
}

const KEPT = [0, 3, 4, 9, 17, 22, 39];

before(async () => {
  for (const head of ['tied', 'own', 'none'] as const) await writeModel(at(`${head}.onnx`), model(head));
  writeFileSync(at('used.txt'), `${[...KEPT].reverse().join('\n')}\n17\n`);
  writeFileSync(at('used.json'), JSON.stringify(KEPT));
});

async function answers(path: string, ids: readonly number[]): Promise<Record<string, Float32Array>> {
  const machine = await openMachine({ threads: 1 });
  try {
    const network = loadNetwork(await readModel(at(path)), { machine });
    return { ...(await network.inference({ batch: 1 }).run({ ids: Float32Array.from(ids) }, 1)) };
  } finally {
    await machine.close();
  }
}

for (const head of ['tied', 'own', 'none'] as const)
  test(`${head === 'none' ? 'no' : `a ${head}`} head: the tokens that are left answer as before, under their new ids`, async () => {
    const file = head === 'tied' ? 'used.txt' : 'used.json';
    const { status, out, err } = await espalier(`vocabulary ${head}.onnx --tokens ${file} --json`);
    assert.equal(status, 0, err);
    const { after, tied, error } = JSON.parse(out);
    assert.deepEqual([after, tied.includes('bias')], [KEPT.length, head !== 'none']);
    assert.ok(error < 1e-6);
    const ids = JSON.parse(readFileSync(at(`${head}-tokens.ids.json`), 'utf8'));
    assert.deepEqual(ids, Object.fromEntries(KEPT.map((id, i) => [id, i])));
    const old = [9, 0, 39, 39, 22];
    const was = await answers(`${head}.onnx`, old);
    const is = await answers(
      `${head}-tokens.onnx`,
      old.map((id) => ids[id]),
    );
    if (head === 'none') {
      assert.deepEqual(is, was);
      return;
    }
    for (let row = 0; row < LENGTH; row++)
      for (const [i, id] of KEPT.entries())
        assert.ok(Math.abs(is.scores[row * KEPT.length + i] - was.scores[row * TOKENS + id]) < 1e-6);
    const sum = is.chance.subarray(0, KEPT.length).reduce((total, x) => total + x, 0);
    assert.ok(Math.abs(sum - 1) < 1e-6);
  });

test('what reads ids or scores otherwise is named, and so is a file that holds no ids; nothing is written', async () => {
  const padded = model('none');
  padded.initializers.set('pad', { dtype: 'int64', shape: [], data: BigInt64Array.of(0n) });
  padded.nodes.push(node('Equal', ['ids', 'pad'], 'padding'));
  padded.outputs.push({ name: 'padding', dtype: 'bool', shape: ['N', LENGTH] });
  await writeModel(at('padded.onnx'), padded);
  const joined = model('tied');
  joined.nodes.push(node('ReduceMean', ['scores'], 'mean', { keepdims: { type: 'int', value: 1 } }));
  joined.outputs.push({ name: 'mean', dtype: 'float32' });
  await writeModel(at('joined.onnx'), joined);
  writeFileSync(at('words.txt'), 'the\n');
  writeFileSync(at('beyond.txt'), '40\n');
  const cases: [string, RegExp][] = [
    [
      'padded.onnx --tokens used.txt',
      /Tokens cannot be removed: Equal \(padding\) reads the ids of 'ids' as well/,
    ],
    [
      'joined.onnx --tokens used.txt',
      /Tokens cannot be removed: ReduceMean \(mean\) reads the scores of tokens/,
    ],
    ['tied.onnx --tokens words.txt', /holds "the", which is not an id/],
    ['tied.onnx --tokens beyond.txt', /40 is not an id: the model has 40 tokens, from 0 to 39/],
    ['tied.onnx', /The tokens to keep are missing/],
    ['tied.onnx --tokens used.txt --embedding mix', /mix is not a table of tokens/],
  ];
  for (const [line, message] of cases) {
    const { status, err } = await espalier(`vocabulary ${line} --out no.onnx`);
    assert.equal(status, 1, line);
    assert.match(err, message);
    assert.ok(!existsSync(at('no.onnx')) && !existsSync(at('no.ids.json')), line);
  }
});
