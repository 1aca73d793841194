/** Recurrent operators in espalier/runtime: any form, beside float64, on one thread and on several. */
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { type Machine, openMachine } from '../engine/index.js';
import { near } from '../engine/tape.test.fixture.js';
import { loopCases, readFrom } from '../graph/bodies/loops.test.fixture.js';
import { answerInDoubles } from '../graph/index.js';
import { given, modelOf as graphOf } from '../graph/ops/against.test.fixture.js';
import { caseOf, formsOf, smooth } from '../graph/ops/recurrent.test.fixture.js';
import type { Graph, Tensor } from '../onnx/index.js';
import { modelOf } from './model.js';

const machines: Machine[] = [];
before(async () => {
  machines.push(await openMachine({ threads: 1 }), await openMachine({ threads: 2 }));
});
after(() => Promise.all(machines.map((machine) => machine.close())));

/** On every machine, twice by the same model. */
async function likeDoubles(graph: Graph, inputs: Record<string, Tensor>): Promise<void> {
  const expected = answerInDoubles(graph, inputs);
  const numbers = Object.fromEntries(
    Object.entries(inputs).map(([name, { data }]) => [name, Float32Array.from(data as Float32Array)]),
  );
  for (const machine of machines) {
    // All threads, however little there is to do.
    const model = modelOf(graph, { machine }, 0);
    for (const answers of [await model.run(numbers), await model.run(numbers)])
      for (const [name, { data }] of Object.entries(expected))
        near(Array.from(answers[name] as Float32Array, Number), data as Float64Array, name);
    await model.close();
  }
}

test('any form', async () => {
  await fc.assert(
    fc.asyncProperty(formsOf(smooth), async (form) => {
      const one = caseOf(form);
      const graph = graphOf(one);
      const inputs = Object.fromEntries(
        one.inputs.flatMap((input, i) => (input && !input.fixed ? [[`in${i}`, given(input, i)]] : [])),
      );
      await likeDoubles(graph, inputs);
    }),
    { numRuns: 20, seed: 15 },
  );
});

for (const one of loopCases)
  test(`${one.name}, beside float64`, async () => {
    const graph = await readFrom(one.sketch);
    const shapes = Object.entries(one.shapes).map(([name, shape]) => {
      const open = graph.inputs.find((input) => input.name === name)!.shape![0] === 'N';
      return [name, open ? [1, ...shape.slice(1)] : shape] as const;
    });
    const inputs = Object.fromEntries(shapes.map(([name, shape], k) => [name, given({ shape }, k)]));
    await likeDoubles(graph, inputs);
  });
