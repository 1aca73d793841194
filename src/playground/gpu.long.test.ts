/** The playground on a GPU, for which software may stand in: chosen by hand, and never otherwise. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fewPictures } from '../data/npz.test.fixture.js';
import { hasGpu, openChromium } from '../runtime/chromium.test.fixture.js';
import { buildPage, DEFECTS, dropModel, openPage, path, serve, skip } from './person.test.fixture.js';

buildPage();

test('where the page has a GPU a run is computed on it, if that is chosen', { skip }, async (t) => {
  const browser = await openChromium(path!, { gpu: true });
  t.after(() => browser.close());
  const { page, act } = await openPage(browser, await serve(t, true));
  if (!(await hasGpu(page))) return t.skip('this Chromium has no WebGPU');
  await dropModel(act);
  await act.drop('data-title', 'few.npz', Buffer.from(fewPictures()).toString('base64'));
  await act.until(`document.body.innerText.includes('16 samples to train on') && 'data'`);
  await act.idle();
  const settings = [
    ['method', 'magnitude'],
    ['epochs of fine-tuning', '1'],
  ];
  const engines: string[] = [];
  for (const where of ['wasm', 'gpu']) {
    for (const [label, value] of settings) await act.choose(label, value);
    await act.choose('compute on', where);
    await act.until(`document.body.innerText.includes('This takes about') && 'cost'`);
    await act.click('Prune');
    await act.until(`document.querySelector('#outcome-title') && 'result'`);
    await act.idle();
    const notes = await act.text('[aria-label=Notes]');
    engines.push(/^Training on (\w+), /m.exec(notes)![1]);
    assert.match(
      await act.text('[aria-label="Before and after"]'),
      /sparsity\s+0\.00 %\s+(79\.\d+|80\.00) %/,
    );
  }
  assert.deepEqual(engines, ['wasm', 'webgpu']);
  assert.deepEqual(await page.evaluate(DEFECTS), []);
});
