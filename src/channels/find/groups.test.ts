/** What can be removed from each shape of trouble, what cannot and why; and that masking and shrinking are the same there. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Machine, openMachine } from '../../engine/index.js';
import { batchOf } from '../../graph/index.js';
import type { Graph } from '../../onnx/index.js';
import { difference, halved, inputsOf, ran, sameComputed, tossed } from '../equivalence.test.fixture.js';
import { expected } from '../expected.test.fixture.js';
import { findChannels, floorsHold, maskChannels, type Selection, shrink, shrinker } from '../index.js';
import { built, troubles } from '../shapes.test.fixture.js';
import { frozenInWords, groupsInWords, type Sketch, sketch } from '../sketch.test.fixture.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 1 });
});
after(() => machine.close());

/** Inputs and outputs of the model stay everywhere; said once in the first test. */
const usual = /: its positions are an (input|output) of the model/;

/** Operators that onnxruntime does not know, made some that it does. */
const runnable = (graph: Graph): Graph => ({
  ...graph,
  nodes: graph.nodes.map((node) => (node.domain === '' ? node : { ...node, domain: '', op: 'Relu' })),
});

for (const trouble of troubles) {
  test(trouble.name, async () => {
    const graph = built(trouble);
    const channels = findChannels(graph, { heads: trouble.heads });
    const frozen = frozenInWords(channels).filter((words) => !usual.test(words));
    assert.deepEqual({ groups: groupsInWords(channels), frozen }, expected[trouble.name]);
    for (const seed of [1, 2, 3]) {
      const selection = seed === 1 ? halved(channels, seed) : tossed(channels, seed);
      if (graph.nodes.some(({ domain }) => domain !== '')) {
        const pair = [maskChannels, shrink].map((f) => runnable(f(graph, channels, selection)));
        const [masked, smaller] = await Promise.all(pair.map((g) => ran(g, inputsOf(graph, {}))));
        assert.ok(difference(masked, smaller) < 1e-5);
      } else {
        const on = trouble.engineless ? undefined : machine;
        const smaller = await sameComputed(graph, channels, selection, {
          batch: batchOf(graph).kind === 'open' ? 2 : 1,
          machine: on,
          exact: !trouble.inexpressible,
        });
        const removes = [...selection.values()].flat().includes(false);
        if (removes) assert.ok(parametersOf(smaller) < parametersOf(graph));
      }
    }
  });
}

const parametersOf = ({ initializers }: Graph): number =>
  [...initializers.values()].reduce(
    (sum, { dtype, data }) => (dtype === 'int64' ? sum : sum + data.length),
    0,
  );

test('a graph that is followed once shrinks as often as asked, each time as if it were the first', () => {
  for (const trouble of troubles) {
    const graph = built(trouble);
    const channels = findChannels(graph, { heads: trouble.heads });
    const again = shrinker(graph, channels);
    for (const seed of [4, 5, 4]) {
      const selection = tossed(channels, seed);
      const [found, wanted] = [again(selection), shrink(graph, channels, selection)];
      assert.deepEqual(found, wanted, trouble.name);
    }
  }
});

const chain = () => built(troubles[0]);

test('what stays is said of every weight', () => {
  assert.deepEqual(frozenInWords(findChannels(chain())), [
    "a.1 in: its positions are an input of the model ('x')",
    "head.0 out: its positions are an output of the model ('Gemm6')",
  ]);
});

test('weights to ignore keep their outputs, frozen ones their inputs too', () => {
  const graph = chain();
  assert.deepEqual(groupsInWords(findChannels(graph, { ignore: ['b'] })), [
    '8: a.0 out, a.b.0 along, b.1 in',
  ]);
  assert.deepEqual(groupsInWords(findChannels(graph, { freeze: ['b'] })), []);
  assert.deepEqual(groupsInWords(findChannels(graph, { freeze: ['a'] })), [
    '6: b.0 out, b.b.0 along, head.1 in',
  ]);
  assert.deepEqual(
    findChannels(graph, { ignore: ['b*'] }).frozen,
    findChannels(graph, { ignore: ['b'] }).frozen,
  );
  assert.throws(
    () => findChannels(graph, { freeze: ['nothing.*'] }),
    /has no weight 'nothing\.\*' .*\* stands for any text\.$/,
  );
  const { frozen } = findChannels(graph, { ignore: ['b'] });
  assert.ok(frozen.some(({ tensor, reason }) => tensor === 'b' && reason === 'it is to stay as it is'));
  assert.throws(() => findChannels(graph, { freeze: ['c'] }), {
    name: 'UserError',
    message: /no weight 'c'/,
  });
});

test('groups do not depend on the numbers in the weights', () => {
  const graph = chain();
  const channels = findChannels(graph);
  const selection: Selection = new Map([['a', channels.groups[0].members[0].positions.map((_, i) => i < 3)]]);
  const trained = maskChannels(graph, channels, new Map([['b', [false, true, true, true, true, true]]]));
  assert.deepEqual(shrink(trained, channels, selection).initializers.get('a')!.shape, [3, 3, 3, 3]);
});

test('selections that do not fit, or leave nothing, are refused in a sentence', () => {
  const graph = chain();
  const channels = findChannels(graph);
  const refused = (selection: Selection, message: RegExp) =>
    assert.throws(() => shrink(graph, channels, selection), { name: 'UserError', message });
  refused(new Map([['c', [true]]]), /group 'c'/);
  refused(new Map([['a', [true]]]), /1 units of group 'a', which has 8/);
  refused(new Map([['a', new Array(8).fill(false)]]), /all of 'a'/);
  assert.throws(() => maskChannels(graph, channels, new Map([['a', [true]]])), { name: 'UserError' });
});

test('a group may go wholly where another keeps the axis from becoming empty', async () => {
  const graph = built(troubles.find(({ name }) => name.includes('option A'))!);
  const channels = findChannels(graph);
  assert.deepEqual(channels.floors, [['a']]);
  const padding: Selection = new Map([['b', [false, false, false, false]]]);
  assert.ok(floorsHold(channels, padding));
  assert.ok(!floorsHold(channels, new Map([['a', [false, false, false, false]]])));
  const smaller = await sameComputed(graph, channels, padding);
  assert.deepEqual(smaller.initializers.get('b')!.shape, [4, 4, 3, 3]);
});

test('an untouched selection changes nothing but what nobody uses', () => {
  const graph = chain();
  const same = shrink(graph, findChannels(graph), new Map());
  assert.deepEqual(same.nodes, graph.nodes);
  assert.deepEqual([...same.initializers.keys()], [...graph.initializers.keys()]);
});

test('weights in Constant nodes are pruned like any others', async () => {
  const graph = chain();
  const nodes = [...graph.initializers].map(([name, value]) => ({
    name: `made ${name}`,
    op: 'Constant',
    domain: '',
    inputs: [],
    outputs: [name],
    attributes: { value: { type: 'tensor' as const, value } },
  }));
  const made: Graph = { ...graph, initializers: new Map(), nodes: [...nodes, ...graph.nodes] };
  const channels = findChannels(made);
  assert.deepEqual(groupsInWords(channels), groupsInWords(findChannels(graph)));
  await sameComputed(made, channels, halved(channels, 1));
});

/** What follows an operator whose results are not known in shape. */
function behind(build: (s: Sketch, x: string) => string): Graph {
  const s = sketch();
  const a = s.relu(s.conv(s.conv(s.input('x', [3, 8, 8]), 'a', 4, 3), 'b', 4, 4));
  return s.finish(build(s, a));
}

test('behind an unknown operator without a declared shape, everything stays, with the reason', () => {
  const graph = behind((s, a) => s.head(s.conv(s.op('vendor.Swirl', [a]), 'c', 6, 4), 6));
  const channels = findChannels(graph);
  assert.deepEqual(groupsInWords(channels), ['4: a.0 out, a.b.0 along, b.1 in']);
  const reasons = frozenInWords(channels).filter((words) => !usual.test(words));
  assert.match(
    reasons.join('\n'),
    /b\.0 out: it is used by vendor\.Swirl 'vendor\.Swirl3', an operator that espalier does not know/,
  );
  assert.match(reasons.join('\n'), /c\.0 out: Conv 'Conv4' uses it together with a value of unknown shape/);
  const selection = halved(channels, 1);
  assert.deepEqual(shrink(graph, channels, selection).initializers.get('b')!.shape, [4, 2, 3, 3]);
});

test('weights that a subgraph uses stay', () => {
  const graph = behind((s, a) => s.head(a, 4));
  const uses = { type: 'opaque' as const, value: { bytes: new Uint8Array(), uses: ['a'] } };
  graph.nodes.push({
    name: 'if',
    op: 'If',
    domain: '',
    inputs: ['x'],
    outputs: ['z'],
    attributes: { then_branch: uses },
  });
  graph.outputs.push({ name: 'z', dtype: 'float32' });
  assert.deepEqual(groupsInWords(findChannels(graph)), ['4: b.0 out, b.b.0 along, head.1 in']);
});

test('declared shapes follow, and dead weight goes', () => {
  const graph = chain();
  graph.declared.set('Conv0', { name: 'Conv0', dtype: 'float32', shape: ['N', 8, 8, 8] });
  graph.initializers.set('unused', graph.initializers.get('a')!);
  const channels = findChannels(graph);
  const smaller = shrink(
    graph,
    channels,
    new Map([['a', [true, true, true, false, false, false, false, false]]]),
  );
  assert.deepEqual(smaller.declared.get('Conv0')?.shape, ['N', 3, 8, 8]);
  assert.ok(!smaller.initializers.has('unused'));
});

test('an open image size is refused with what to do about it', () => {
  const graph = chain();
  graph.inputs[0].shape = ['N', 3, 'h', 8];
  assert.throws(() => findChannels(graph), { name: 'UserError', message: /--input-shape x=/ });
  assert.equal(findChannels(graph, { inputShapes: { x: [1, 3, 8, 8] } }).groups.length, 2);
});
