/** The playground by clicks in headless Chromium: from a model that is dropped to the pruned one that is taken away. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { before, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as ort from 'onnxruntime-node';
import { archive, reals, wholes } from '../data/npz.test.fixture.js';
import { buildNetwork } from '../nn/index.js';
import { serializeModel } from '../onnx/index.js';
import {
  type Browser,
  findChromium,
  hasGpu,
  openChromium,
  type Page,
  type Screen,
} from '../runtime/chromium.test.fixture.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const path = findChromium();
const skip = path ? false : 'there is no Chromium: apt-get install chromium';

const network = () => buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 1, width: 0.25 });
const model = Buffer.from(serializeModel(network())).toString('base64');

before(() => {
  if (skip) return;
  for (const script of ['build-browser', 'build-playground']) {
    const { status, stderr } = spawnSync(process.execPath, [`scripts/${script}.mjs`], {
      cwd: root,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
  }
});

/** What a person does and sees. */
function person(page: Page) {
  const until = async (expression: string): Promise<string> => {
    for (let tries = 0; ; tries++) {
      const found = await page.evaluate<string | null>(`(${expression}) || null`);
      if (found !== null) return found;
      if (tries > 600) {
        const text = await page.evaluate<string>('document.body.innerText');
        throw new Error(`${expression} never comes; the page says:\n${text}`);
      }
      await wait(100);
    }
  };
  const labelled = (label: string) =>
    `[...document.querySelectorAll('label')].find((one) => one.textContent.includes(${JSON.stringify(label)})).querySelector('input, select')`;
  return {
    until,
    idle: () => until(`!document.querySelector('[aria-busy=true]') && 'idle'`),
    click: (name: string) =>
      page.evaluate(
        `[...document.querySelectorAll('button')].find((one) => one.textContent === ${JSON.stringify(name)}).click()`,
      ),
    choose: (label: string, value: string) =>
      page.evaluate(`(() => {
        const field = ${labelled(label)};
        field.value = ${JSON.stringify(value)};
        for (const type of ['input', 'change']) field.dispatchEvent(new Event(type, { bubbles: true }));
      })()`),
    drop: (title: string, name: string, base64: string, type = '') =>
      page.evaluate(`(() => {
        const bytes = Uint8Array.from(atob('${base64}'), (c) => c.charCodeAt(0));
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([bytes], '${name}', { type: '${type}' }));
        const section = document.querySelector('[aria-labelledby=${title}]');
        section.querySelector('.drop').dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
      })()`),
    text: (selector: string) => page.evaluate<string>(`document.querySelector('${selector}').innerText`),
  };
}

type Person = ReturnType<typeof person>;

async function openPage(
  browser: Browser,
  address: string,
  screen?: Screen,
): Promise<{ page: Page; act: Person }> {
  const page = await browser.open(address, screen);
  const act = person(page);
  await act.until(`document.querySelector('.connection').textContent.includes('wasm') && 'started'`);
  return { page, act };
}

async function dropModel(act: Person): Promise<void> {
  await act.drop('model-title', 'mine.onnx', model);
  await act.until(`document.querySelector('#method-title') && 'opened'`);
  await act.idle();
}

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

/** What is wrong with the page on a screen. */
const DEFECTS = `(() => {
  const found = [];
  const over = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (over > 0) found.push('the page is ' + over + ' px too wide');
  for (const field of document.querySelectorAll('input, select'))
    if (!field.labels?.length) found.push('a field without a label: ' + field.outerHTML.slice(0, 80));
  for (const table of document.querySelectorAll('table:not(.u-legend)')) if (!table.caption?.textContent) found.push('a table without a caption');
  for (const section of document.querySelectorAll('section'))
    if (!section.getAttribute('aria-label') && !document.getElementById(section.getAttribute('aria-labelledby')))
      found.push('a section without a name');
  return found;
})()`;

async function serve(t: { after(done: () => unknown): void }, isolated: boolean): Promise<string> {
  const { servePlayground } = await import(`${root}scripts/playground.mjs`);
  const server = await servePlayground({ isolated });
  t.after(() => server.close());
  return server.address;
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

/** A few noisy digits of two classes, of which a step is short even on a GPU that software stands in for. */
const few = () => {
  const y = Array.from({ length: 32 }, (_, n) => n % 2);
  const x = y.flatMap((label, n) => Array.from({ length: 64 }, (_, i) => Math.sin(n + i) + label));
  const arrays = { x_train: x, x_test: x.slice(0, 16 * 64) };
  return archive({
    ...{ x_train: reals([32, 1, 8, 8], arrays.x_train), y_train: wholes([32], y) },
    ...{ x_test: reals([16, 1, 8, 8], arrays.x_test), y_test: wholes([16], y.slice(0, 16)) },
  });
};

test('where the page has a GPU a run is computed on it, if that is chosen', { skip }, async (t) => {
  const browser = await openChromium(path!, { gpu: true });
  t.after(() => browser.close());
  const { page, act } = await openPage(browser, await serve(t, true));
  if (!(await hasGpu(page))) return t.skip('this Chromium has no WebGPU');
  await dropModel(act);
  await act.drop('data-title', 'few.npz', Buffer.from(few()).toString('base64'));
  await act.until(`document.body.innerText.includes('32 samples to train on') && 'data'`);
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
