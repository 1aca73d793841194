/** Large models, on the best engine there is: what models.test.ts checks of the others. */
import { after, before, test } from 'node:test';
import { type Machine, openMachine } from './index.js';
import { agrees, large } from './models.test.fixture.js';
import { modelFiles, ofFile } from './onnxruntime.test.fixture.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

const models = modelFiles()
  .map(ofFile)
  .filter(({ name }) => large.includes(name));

test('large models', async (t) => {
  if (models.length === 0) return t.skip('the folder of models is not there');
  for (const model of models)
    await t.test(model.name, async (s) => {
      if (machine.kind === 'wasm') return s.skip('too slow on WebAssembly');
      await agrees(machine, model);
    });
});
