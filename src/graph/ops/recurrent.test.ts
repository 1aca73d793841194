/** Recurrent operators in any form: what they compute beside onnxruntime, their gradients beside differences, what they weigh. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { expandModel } from '../expand.js';
import { inferTypes } from '../facts/infer.js';
import { summarize } from '../facts/summary.js';
import { runCore } from '../reference/run.js';
import { toTensor } from '../reference/value.js';
import { caseAgrees, given, modelOf, valuesFor } from './against.test.fixture.js';
import { checkGradients } from './gradients.test.fixture.js';
import { caseOf, type Form, forms, formsOf, smooth } from './recurrent.test.fixture.js';

const plain: Form = {
  ...{ op: 'LSTM', direction: 'forward', steps: 3, batch: 2, from: 4, hidden: 5, bias: true },
  ...{ initial: false, peepholes: false, layout: 0, clip: 0, variant: 0 },
};

test('any form computes what onnxruntime computes', async () => {
  await fc.assert(
    fc.asyncProperty(forms, (form) => caseAgrees(caseOf({ ...form, layout: 0 }), 2e-5)),
    { numRuns: 40, seed: 15 },
  );
});

/** The outputs of a form, each sample's numbers by name. */
function computed(form: Form, x: readonly number[]): Map<string, number[]> {
  const one = caseOf(form);
  const graph = modelOf(one);
  const expanded = expandModel(graph);
  const inputs = Object.fromEntries(
    one.inputs.flatMap((input, i) =>
      input && !input.fixed ? [[`in${i}`, [i === 0 ? given({ ...input, values: x }) : given(input, i)]]] : [],
    ),
  );
  const results = runCore(expanded.tape.nodes, valuesFor(graph, expanded, inputs));
  return new Map(
    graph.outputs.map(({ name }) => [
      name,
      [...(toTensor(results.get(expanded.values.get(name)!)!).data as Float32Array)],
    ]),
  );
}

/** [a, b, size] with its first two axes changed over. */
const turned = (data: readonly number[], a: number, b: number): number[] => {
  const size = data.length / (a * b);
  return Array.from({ length: data.length }, (_, i) => {
    const [row, at] = [Math.floor(i / size), i % size];
    return data[((row % a) * b + Math.floor(row / a)) * size + at];
  });
};

// onnxruntime has no other layout than the usual one.
test('a batch that stands first changes where numbers lie, and nothing else', () => {
  fc.assert(
    fc.property(forms, (form) => {
      const { steps, batch, from, direction } = form;
      const directions = direction === 'bidirectional' ? 2 : 1;
      const x = Array.from({ length: steps * batch * from }, (_, i) => Math.sin(i));
      const usual = computed({ ...form, initial: false, layout: 0 }, x);
      const other = computed({ ...form, initial: false, layout: 1 }, turned(x, steps, batch));
      assert.deepEqual(other.get('out1'), turned(usual.get('out1')!, directions, batch));
      // [steps, directions, batch, hidden] to [batch, steps, directions, hidden].
      assert.deepEqual(other.get('out0'), turned(usual.get('out0')!, steps * directions, batch));
    }),
    { numRuns: 10, seed: 15 },
  );
});

test('gradients of any form', () => {
  fc.assert(
    fc.property(formsOf(smooth), (form) => checkGradients(caseOf(form), 3)),
    { numRuns: 10, seed: 15 },
  );
});

test('what recurrent operators weigh', () => {
  for (const op of ['RNN', 'GRU', 'LSTM'] as const) {
    const one = caseOf({ ...plain, op });
    const size = (i: number) => one.inputs[i]!.shape.reduce((a, b) => a * b);
    const { params, macs, unknown, layers } = summarize(modelOf(one));
    assert.equal(params, size(1) + size(2) + size(3));
    assert.equal(macs, 3 * 2 * (size(1) + size(2)));
    assert.deepEqual([unknown, layers[0].prunable], [[], ['in1', 'in2']]);
  }
});

test('shapes where the batch stands first', () => {
  const { types } = inferTypes(modelOf(caseOf({ ...plain, layout: 1 })));
  assert.deepEqual(
    ['out0', 'out1', 'out2'].map((name) => types.get(name)!.shape),
    [
      [2, 3, 1, 5],
      [2, 1, 5],
      [2, 1, 5],
    ],
  );
});

test('what does not fit, and what there is not', () => {
  const one = caseOf(plain);
  const weights = (...shape: number[]) => ({ shape, fixed: true });
  const refused = (message: RegExp, build: () => unknown) =>
    assert.throws(build, { name: 'UserError', message });
  refused(/LSTM 'node' has weights of shapes \[1,19,4\] and \[1,20,5\] for an input of shape \[3,2,4\]/, () =>
    modelOf({ ...one, inputs: [one.inputs[0], weights(1, 19, 4), ...one.inputs.slice(2)] }),
  );
  refused(/LSTM 'node' has biases of shape \[1,20\], not \[1,40\]/, () =>
    expandModel(modelOf({ ...one, inputs: [...one.inputs.slice(0, 3), weights(1, 20)] })),
  );
  refused(/LSTM 'node' names 2 activations, not 3/, () =>
    expandModel(modelOf(caseOf({ ...plain, activations: ['Tanh', 'Tanh'] }))),
  );
  refused(/has the activation 'Cube'; espalier computes relu, tanh/, () =>
    expandModel(modelOf(caseOf({ ...plain, activations: ['Cube', 'Tanh', 'Tanh'] }))),
  );
});
