import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findChannels } from '../find/groups.js';
import { type Sketch, sketch } from '../sketch.test.fixture.js';
import { refuseRigid } from './hindrance.js';
import { removalOrder } from './order.js';
import { reachTarget } from './target.js';

const reach = (s: Sketch, ...outputs: string[]) => {
  const graph = s.finish(...outputs);
  const channels = findChannels(graph);
  const order = removalOrder(channels, new Map());
  const target = { of: 'macs', fraction: 0.5 } as const;
  return { graph, channels, reaching: reachTarget({ graph, channels, order, target }) };
};

test('a target of MACs in a model where none can be counted names what is in the way', async () => {
  const s = sketch();
  const y = s.op('vendor.Recur', [s.input('x', [5]), s.weight('w', 1, 32, 5)]);
  const { graph, channels, reaching } = reach(s, s.op('Relu', [y]));
  await assert.rejects(reaching, {
    name: 'UserError',
    message:
      'No MACs can be counted in this model, since espalier does not know the operators of vendor.Recur (1); use another target, such as --channels or --bytes.',
  });
  assert.throws(() => refuseRigid(graph, channels), {
    name: 'UserError',
    message:
      /^No channels of this model can be removed: of its largest weight w, it is used by vendor\.Recur .*not know; /,
  });
});

test('a model without layers, and one whose layers have no known shape, say so', async () => {
  const plain = sketch();
  await assert.rejects(reach(plain, plain.relu(plain.input('x', [5]))).reaching, {
    message: /since none of its operators multiplies by weights/,
  });
  const late = sketch();
  const rows = late.op('Reshape', [late.input('x', [5]), late.vector('shape', 2)]);
  await assert.rejects(reach(late, late.op('MatMul', [rows, late.weight('w', 5, 4)])).reaching, {
    message: /since the shapes of MatMul 'MatMul\d' are only known when the model runs/,
  });
});
