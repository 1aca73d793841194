/**
 * Every real model there is: it agrees with onnxruntime, or is refused in a sentence. docs/models.md is the same as a table. Large ones
 * are in models.long.test.ts.
 */
import { after, before, test } from 'node:test';
import { type Machine, openMachine } from './index.js';
import { agrees, large } from './models.test.fixture.js';
import { modelFiles, modelName } from './onnxruntime.test.fixture.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

const files = modelFiles();

test('real models', async (t) => {
  if (files.length === 0) return t.skip('the folder of models is not there');
  for (const file of files)
    if (!large.includes(modelName(file))) await t.test(modelName(file), () => agrees(machine, file));
});
