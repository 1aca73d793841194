import assert from 'node:assert/strict';
import { test } from 'node:test';
import { budget, operatorFor } from '../../graph/index.js';
import { floats } from '../../onnx/index.js';
import { sketch } from '../sketch.test.fixture.js';
import { noughtAt, noughtsOf, realWeights } from './dequantized.js';

test('weights of an axis, and of blocks of one, are what DequantizeLinear makes of them', () => {
  const s = sketch(21);
  const outputs = [s.quantized('a', 6, 4, 3, 3), s.inBlocks('b', 12, 5, 4), s.inBlocks('c', 8, 3, 2)];
  const graph = s.finish(...outputs);
  const weightOf = realWeights(graph);
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => {
      const constant = graph.initializers.get(name)!;
      return { ...constant, laned: false, constant };
    });
    const [expected] = operatorFor(node).evaluate!({ node, opset: 21, inputs }, budget())!;
    const found = weightOf(node.inputs[0])!;
    assert.deepEqual(found.shape, expected.shape);
    floats(expected).forEach((value, i) => {
      assert.ok(Math.abs(Number(found.data[i]) - value) < 1e-6, `${node.inputs[0]}[${i}]`);
    });
  }
  const zeros = new Map(graph.initializers);
  for (const [name, nought] of noughtsOf(graph)) {
    const { dtype, shape, data } = graph.initializers.get(name)!;
    zeros.set(name, {
      dtype,
      shape,
      data: Int8Array.from(data as Int8Array, (_, i) => noughtAt(nought, shape)(i)),
    });
  }
  const nothing = realWeights({ ...graph, initializers: zeros });
  for (const name of ['a', 'b', 'c'])
    assert.ok(
      floats(nothing(name)!).every((x) => x === 0),
      name,
    );
});
