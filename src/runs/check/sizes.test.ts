/** Models that agree at the size that they were looked at, and at others or not. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Machine, openMachine } from '../../engine/index.js';
import { graphOf, wholes } from '../../graph/graph.test.fixture.js';
import type { Graph, Value } from '../../onnx/index.js';
import { differenceAtOtherSizes, fixedSizes, trialsAtOtherSizes } from './sizes.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 1 });
});
after(() => machine.close());

const inputShapes = { x: [1, 6, 8] };

/** Tokens turned into rows and back by what `shape` says. */
const rows = (back: number[], shape: Value['shape'] = ['N', 'T', 8]): Graph =>
  graphOf({
    inputs: { x: shape! },
    nodes: [
      ['Reshape', ['x', 'flat'], 'rows'],
      ['MatMul', ['rows', 'w'], 'mixed'],
      ['Reshape', ['mixed', 'back'], 'tokens'],
      ['ReduceMax', ['tokens'], 'y', {}],
    ],
    outputs: { y: undefined },
    weights: { w: [8, 4] },
    constants: { flat: wholes(-1, 8), back: wholes(...back) },
  });

test('a size that is written down is found out at another size', async () => {
  const [open, baked] = [rows([-1, 2, 4]), rows([-1, 6, 4])];
  const disagree = (smaller: Graph) => differenceAtOtherSizes(open, smaller, { machine, inputShapes });
  assert.equal(await disagree(open), undefined);
  assert.match((await disagree(baked))!, /^with 'x' of shape \[1,8,8\] it does not run: .*reshape/i);
  const other = { ...open, initializers: new Map(open.initializers).set('flat', wholes(6, 8)) };
  assert.match((await disagree(other))!, /^with 'x' of shape \[\d+,\d+,8\]/);
});

test('sizes at which the model itself does not run prove nothing', async () => {
  const baked = rows([-1, 6, 4]);
  assert.equal(await differenceAtOtherSizes(baked, baked, { machine, inputShapes }), undefined);
});

test('a batch whose samples stay apart is no size of its own', async () => {
  const plain = graphOf({ inputs: { x: ['N', 8] }, nodes: [['Relu', ['x'], 'y']], outputs: { y: ['N', 8] } });
  assert.deepEqual(await trialsAtOtherSizes(plain, { x: [1, 8] }), []);
});

test('dimensions that are not open any more are named', () => {
  assert.equal(fixedSizes(rows([-1, 2, 4]), rows([-1, 6, 4])), undefined);
  assert.equal(
    fixedSizes(rows([-1, 6, 4]), rows([-1, 6, 4], ['N', 6, 8])),
    "Without its channels, the model takes dimension 1 ('T') of input 'x' at 6 only, and its file says so: it holds numbers that fit no other size.",
  );
});
