/**
 * Models of our own, and every real one there is: they agree with onnxruntime, or are refused in a sentence. docs/models.md is the same as
 * a table. Large ones are in models.long.test.ts.
 */
import { after, before, test } from 'node:test';
import { type Machine, openMachine } from './index.js';
import { agrees, large } from './models.test.fixture.js';
import { allCompared } from './onnxruntime.test.fixture.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

for (const model of allCompared())
  if (!large.includes(model.name)) test(model.name, () => agrees(machine, model));
