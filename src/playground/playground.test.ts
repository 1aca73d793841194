/** The playground by clicks in headless Chromium: from a model that is dropped to the pruned one that is taken away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import * as ort from 'onnxruntime-node';
import { openChromium, type Page } from '../runtime/chromium.test.fixture.js';
import {
  buildPage,
  DEFECTS,
  dropModel,
  openPage,
  type Person,
  path,
  serve,
  skip,
} from './person.test.fixture.js';

buildPage();

/** The bytes of what a button hands to the browser. */
async function taken(page: Page, act: Person, button: string): Promise<Buffer> {
  await page.evaluate(`(() => {
    const create = URL.createObjectURL;
    globalThis.made = undefined;
    URL.createObjectURL = (blob) => {
      globalThis.made = blob;
      URL.createObjectURL = create;
      return create.call(URL, blob);
    };
  })()`);
  await act.click(button);
  await act.until(`globalThis.made && 'made'`);
  const base64 = await page.evaluate<string>(`(async () => {
    const bytes = new Uint8Array(await globalThis.made.arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  })()`);
  return Buffer.from(base64, 'base64');
}

test('a model is dropped, pruned, fine-tuned, compared and taken away; a page that was closed goes on', {
  skip,
}, async (t) => {
  const browser = await openChromium(path!);
  t.after(() => browser.close());
  const address = await serve(t, true);
  const { page, act } = await openPage(browser, address);
  await act.drop('model-title', 'notes.onnx', Buffer.from('no model').toString('base64'));
  assert.match(await act.until(`document.querySelector('[role=alert]')?.innerText`), /model\.onnx is /);
  await act.idle();
  await dropModel(act);
  const facts = await act.text('section[aria-label="What is in the model"]');
  assert.match(facts, /mine\.onnx/);
  assert.match(facts, /linear\.weight \(outputs\)\s+its positions are an output of the model/);
  await act.click('Take the digits');
  await act.until(`document.body.innerText.includes('1437 samples to train on') && 'data'`);
  await act.idle();
  await act.choose('epochs of fine-tuning', '1');
  await act.until(`document.body.innerText.includes('This takes about') && 'cost'`);
  await act.click('Prune');
  await act.until(`document.querySelector('#outcome-title') && 'result'`);
  await act.idle();
  const figures = await act.text('[aria-label="Before and after"]');
  assert.match(figures, /accuracy\s+\d+\.\d+ %\s+\d+\.\d+ %/);
  assert.match(
    await act.text('[aria-labelledby=outcome-title]'),
    /onnxruntime-web .* gave the same answers to \d+ samples/,
  );
  assert.equal(await page.evaluate('document.querySelectorAll("figure .plot").length'), 2);

  const session = await ort.InferenceSession.create(await taken(page, act, 'Download the .onnx'));
  const pixels = new ort.Tensor('float32', new Float32Array(64), [1, 1, 8, 8]);
  const [answer] = Object.values(await session.run({ [session.inputNames[0]]: pixels }));
  assert.deepEqual(answer.dims, [1, 10]);
  assert.match((await taken(page, act, 'Download the report')).toString('utf8', 0, 15), /^<!doctype html>/i);
  assert.match((await taken(page, act, 'Download it packed (.espk)')).toString('latin1', 0, 4), /ESPK/);
  await act.idle();

  const picture = await page.evaluate<string>(`(() => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 20, height: 20 });
    canvas.getContext('2d').fillRect(8, 2, 4, 16);
    return canvas.toDataURL('image/png').split(',')[1];
  })()`);
  await act.drop('compare-title', 'one.png', picture, 'image/png');
  await act.until(`document.querySelector('.sides') && 'compared'`);
  const sides = await act.text('[aria-labelledby=compare-title]');
  assert.match(
    sides,
    /Original\s+\d: \d+\.\d+ %[\s\S]*espalier\/runtime\s+[\d.]+ ms\s+onnxruntime-web\s+[\d.]+ ms[\s\S]*Pruned/,
  );
  assert.match(sides, /Their scores differ by/);
  assert.deepEqual(await page.evaluate(DEFECTS), []);

  await act.choose('epochs of fine-tuning', '60');
  await act.click('Prune');
  await act.until(`document.querySelector('[aria-label=Progress] figure') && 'an epoch'`);
  await wait(500);
  await page.close();
  const other = await openPage(browser, address, { width: 390, height: 844, dark: true });
  assert.match(
    await other.act.until(`document.querySelector('.notice')?.innerText`),
    /interrupted: mine\.onnx by l1-filters, \d+ epoch/,
  );
  await other.act.click('Resume it');
  await other.act.until(`document.querySelector('[aria-label=Progress] figure') && 'an epoch'`);
  await other.act.click('Stop');
  await other.act.idle();
  await other.act.until(`document.querySelector('.notice') && 'interrupted again'`);
  assert.deepEqual(await other.page.evaluate(DEFECTS), []);
  await other.act.click('Discard it');
  await other.act.until(`!document.querySelector('.notice') && 'discarded'`);
  assert.deepEqual(
    [...page.complaints, ...other.page.complaints].filter((text) => !/favicon/.test(text)),
    [],
  );
});

/** In a worker as the page starts its own: which rule stops a request to elsewhere. */
const SENDING = `(() => {
  const source = \`self.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => self.postMessage(effectiveDirective));
    fetch('http://127.0.0.1:9/').catch(() => {});\`;
  const worker = new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })), { type: 'module' });
  return new Promise((resolve) => { worker.onmessage = ({ data }) => resolve(data); });
})()`;

test('without isolation and without data a model is pruned at once, on one thread', { skip }, async (t) => {
  const browser = await openChromium(path!);
  t.after(() => browser.close());
  const { page, act } = await openPage(browser, await serve(t, false), { width: 390, height: 844 });
  assert.doesNotMatch(await act.text('main'), /compute on/);
  assert.match(await act.text('.connection'), /1 thread \(this page is not isolated\)/);
  assert.equal(await page.evaluate(SENDING), 'connect-src');
  const second = await openPage(browser, await page.evaluate('location.href'));
  assert.match(await second.act.text('.notice'), /lost when the page is closed: another tab/);
  await second.page.close();
  await dropModel(act);
  await act.choose('method', 'fggp');
  assert.match(await act.text('[aria-labelledby=method-title]'), /fggp prunes while it trains: give it data/);
  await act.choose('method', 'magnitude');
  await act.until(`document.body.innerText.includes('This takes about') && 'cost'`);
  await act.click('Prune');
  await act.until(`document.querySelector('#outcome-title') && 'result'`);
  assert.match(await act.text('[aria-label="Before and after"]'), /sparsity\s+0\.00 %\s+(79\.\d+|80\.00) %/);
  await act.idle();
  await act.click('Time them on made-up numbers');
  await act.until(`document.querySelector('.sides') && 'compared'`);
  assert.deepEqual(await page.evaluate(DEFECTS), []);
});
