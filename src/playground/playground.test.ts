/** The playground by clicks in headless Chromium: from a model that is dropped to the pruned one that is taken away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import * as ort from 'onnxruntime-node';
import { builder } from '../nn/index.js';
import { serializeModel } from '../onnx/index.js';
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

test('a worker that the browser ends in the middle of a run loses nothing', { skip }, async (t) => {
  const browser = await openChromium(path!);
  t.after(() => browser.close());
  const { page, act } = await openPage(browser, await serve(t, true));
  await page.evaluate(`(() => {
    const { postMessage } = Worker.prototype;
    Worker.prototype.postMessage = function (...message) {
      globalThis.atWork = this;
      return postMessage.apply(this, message);
    };
  })()`);
  await dropModel(act);
  await act.click('Take the digits');
  await act.until(`document.body.innerText.includes('1437 samples to train on') && 'data'`);
  await act.idle();
  await act.choose('epochs of fine-tuning', '60');
  await act.click('Prune');
  const at = `Number(/Epoch (\\d+) of 60/.exec(document.body.innerText)?.[1] ?? 0)`;
  await act.until(`${at} > 2 && 'under way'`);
  // As the browser ends one that wants too much memory: without a word.
  const before = await page.evaluate<number>(`(globalThis.atWork.terminate(), ${at})`);
  const sentence = await act.until(`document.querySelector('.notice')?.innerText`);
  assert.match(
    sentence,
    /^The worker has ended: the browser has ended it\. Nothing is lost: the model, the data and the last checkpoint are kept\./,
  );
  assert.deepEqual(await page.evaluate(DEFECTS), []);
  await act.click('Go on');
  const epoch = Number(await act.until(at));
  assert.ok(epoch > 1 && epoch >= before - 1, `it goes on at epoch ${epoch}, after it had come to ${before}`);
  await act.click('Stop');
  await act.idle();
  await act.click('Discard it');
  await act.until(`!document.querySelector('.notice') && 'discarded'`);
  // The model and the data are still there.
  await act.choose('epochs of fine-tuning', '1');
  await act.until(`document.body.innerText.includes('This takes about') && 'cost'`);
  await act.click('Prune');
  await act.until(`document.querySelector('#outcome-title') && 'result'`);
  assert.deepEqual(
    page.complaints.filter((text) => !/favicon/.test(text)),
    [],
  );
});

/** A camera that shows a moving picture and a microphone that beeps, which nobody is asked for. */
const FAKES = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];

/** A network for 0.1 s of sound. */
function soundNetwork(): string {
  const b = builder({ name: 'sound', seed: 1 });
  const heard = b.input('sound', [1600]);
  const graph = b.finish({
    words: b.linear(b.relu(b.linear(heard, { out: 16, name: 'hidden' })), { out: 3, name: 'words' }),
  });
  return Buffer.from(serializeModel(graph)).toString('base64');
}

/** What both models say of what they are shown, without times. */
const said = async (act: Person): Promise<string> => {
  const text = await act.text('.sides');
  return text.replace(/[\d.]+ ms/g, '');
};

test('both models are shown a frame of the camera, and a moment of the microphone', { skip }, async (t) => {
  const browser = await openChromium(path!, { switches: FAKES });
  t.after(() => browser.close());
  const { page, act } = await openPage(browser, await serve(t, true));
  const prunedAtOnce = async () => {
    await act.choose('method', 'magnitude');
    await act.until(`document.body.innerText.includes('This takes about') && 'cost'`);
    await act.click('Prune');
    await act.until(`document.querySelector('#outcome-title') && 'result'`);
    await act.idle();
  };
  await dropModel(act);
  await prunedAtOnce();
  await act.click('Take a frame of the camera');
  await act.until(`document.querySelector('.sides') && 'compared'`);
  assert.match(
    await said(act),
    /Original\s+\d: \d+\.\d+ %[\s\S]*espalier\/runtime[\s\S]*onnxruntime-web[\s\S]*Pruned\s+\d: \d+\.\d+ %/,
  );
  // What is seen is what the camera shows, which is not black.
  const seen = await page.evaluate<{ width: number; bright: number }>(`(() => {
    const video = document.querySelector('video');
    const context = new OffscreenCanvas(video.videoWidth, video.videoHeight).getContext('2d');
    context.drawImage(video, 0, 0);
    const { data } = context.getImageData(0, 0, video.videoWidth, video.videoHeight);
    return { width: video.hidden ? 0 : video.videoWidth, bright: data.filter((_, i) => i % 4 < 3).reduce((most, one) => Math.max(most, one), 0) };
  })()`);
  assert.ok(seen.width > 0 && seen.bright > 100, JSON.stringify(seen));
  assert.deepEqual(await page.evaluate(DEFECTS), []);

  await act.drop('model-title', 'sound.onnx', soundNetwork());
  await act.until(`document.body.innerText.includes('sound.onnx') && 'opened'`);
  await act.idle();
  await prunedAtOnce();
  await act.click('Time them on made-up numbers');
  await act.until(`document.querySelector('.sides') && 'compared'`);
  await act.idle();
  const difference = () => act.until(`/Their answers differ by [^ ]+ of/.exec(document.body.innerText)?.[0]`);
  const madeUp = await difference();
  await act.click('Listen to the microphone');
  await act.until(`document.querySelector('[aria-busy=true]') && 'listening'`);
  await act.idle();
  assert.notEqual(await difference(), madeUp, 'another sound, other answers');
  assert.equal(await page.evaluate(`document.querySelectorAll('[role=alert]').length`), 0);
  assert.deepEqual(
    page.complaints.filter((text) => !/favicon/.test(text)),
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
