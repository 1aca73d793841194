/** The loss of a network that has a teacher, and its slope. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { normal, random } from '../base/index.js';
import { type ReferenceValue, runCore } from '../graph/index.js';
import { type Machine, openMachine } from './index.js';
import { agrees, declare, emptyPlan, joined, near, runOnEngine } from './tape.test.fixture.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

/** A plan of the loss over `classes` logits, drawn anew unless `rows` gives them. */
function lossPlan(count: number, classes: number, options: { smoothing: number; T: number; weight: number }) {
  const r = random(11, count);
  const plan = emptyPlan(count);
  const row = { shape: [1, classes], laned: true };
  declare(plan, 'logits', row, () => 3 * normal(r));
  declare(plan, 'labels', { shape: [1], laned: true }, () => Math.abs(Math.round(4 * normal(r))) % classes);
  declare(plan, 'teacher', row, () => 3 * normal(r));
  const outputs = plan.tape.emit('crossEntropy', ['logits', 'labels', 'teacher'], {
    smoothing: options.smoothing,
    teacher: { temperature: options.T, weight: options.weight },
  });
  return { ...plan, outputs };
}

test('a loss worked out by hand', async () => {
  const plan = lossPlan(1, 3, { smoothing: 0, T: 2, weight: 0.7 });
  plan.given.set('logits', [Float32Array.of(1, 2, 0)]);
  plan.given.set('labels', [Float32Array.of(1)]);
  plan.given.set('teacher', [Float32Array.of(0, 1, 3)]);
  const { results } = await runOnEngine(machine, plan);
  const [loss, correct, slope] = plan.outputs.map((name) => joined(results.get(name)!));
  near(loss, [1.446581899213795], 'loss');
  near(slope, [0.30715064488981314, 0.2849313775393535, -0.5920820224291666], 'slope');
  assert.equal(correct[0], 1);
});

test('the kernel computes what the formula says, for any number of samples', async () => {
  for (const count of [1, 15, 16, 33])
    for (const weight of [0, 0.3, 1])
      await agrees(machine, lossPlan(count, 7, { smoothing: 0.1, T: 4, weight }), 1e-5, 1e-7);
});

test('the slope is that of the loss', () => {
  const plan = lossPlan(3, 5, { smoothing: 0.1, T: 3, weight: 0.6 });
  const start = new Map(
    [...plan.given].map(([name, samples]): [string, ReferenceValue] => [
      name,
      { ...plan.tape.type(name), samples: samples.map((s) => Float64Array.from(s)) },
    ]),
  );
  const run = () => runCore(plan.tape.nodes, new Map(start));
  const [loss, , slope] = plan.outputs;
  const slopes = run().get(slope)!.samples;
  const step = 1e-5;
  for (const [n, logits] of start.get('logits')!.samples.entries())
    for (let k = 0; k < logits.length; k++) {
      const moved = [step, -2 * step].map((by) => {
        logits[k] += by;
        return run().get(loss)!.samples[0][0];
      });
      logits[k] += step;
      near([slopes[n][k]], [(moved[0] - moved[1]) / (2 * step)], 'slope', 1e-7, 1e-9);
    }
});

test('logits that are very far apart give finite numbers', async () => {
  const plan = lossPlan(1, 3, { smoothing: 0, T: 0.5, weight: 0.5 });
  plan.given.set('logits', [Float32Array.of(500, -500, 0)]);
  plan.given.set('teacher', [Float32Array.of(-500, 500, 0)]);
  const { results } = await runOnEngine(machine, plan);
  for (const name of plan.outputs) assert.ok(joined(results.get(name)!).every(Number.isFinite));
});
