/** The whole library in a page: bundled without anything of Node, and at work in headless Chromium, with threads and without. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { zipSync } from 'fflate';
import * as ort from 'onnxruntime-node';
import * as library from './index.js';
import { bundlePages, call, findChromium, openChromium } from './runtime/chromium.test.fixture.js';

const root = new URL('../', import.meta.url);

before(() => bundlePages('build-browser'));

test('a page gets all that espalier exports, from any bundler, and nothing of Node', async () => {
  const names = Object.keys(library).sort();
  const contents = `export * from 'espalier'; export { keepFiles } from 'espalier/page';`;
  const { outputFiles, metafile } = await build({
    ...{ stdin: { contents, resolveDir: fileURLToPath(root) }, bundle: true, write: false, metafile: true },
    ...{ format: 'esm', splitting: true, outdir: 'out', platform: 'browser', logLevel: 'error' },
  });
  const outputs = Object.values(metafile.outputs);
  const entry = outputs.find(({ entryPoint }) => entryPoint === '<stdin>')!;
  assert.deepEqual(entry.exports.filter((name) => name !== 'keepFiles').sort(), names);
  assert.deepEqual(
    outputs.flatMap(({ imports }) => imports.filter(({ external }) => external)),
    [],
  );
  for (const { text } of outputFiles) assert.doesNotMatch(text, /["']node:/);
});

/** In the page: trains on the digits, prunes what it has trained, and says what came of it. */
async function trainAndPrune(threads: number) {
  const [espalier, page] = await Promise.all(
    ['/espalier/espalier.js', '/espalier/page.js'].map((address) => import(address as string)),
  );
  const engines: string[] = [];
  const options = { onStart: ({ engine }: { engine: string }) => engines.push(engine) };
  const training = { model: 'resnet8', width: 0.5, data: 'digits', epochs: 2, batch: 64, threads, lr: 0.1 };
  await espalier.startRun(espalier.trainRecipe(training), '/runs/dense', options);
  const pruning = {
    ...{ model: '/runs/dense/model.onnx', data: 'digits', method: 'l1-filters', macs: 0.6, fineTune: 1 },
    ...{ threads, teacher: 'self', reconstruct: true },
  };
  const { folder, summary } = await espalier.startRun(espalier.pruneRecipe(pruning), '/runs/pruned', options);
  await espalier.writeReport(folder);
  const model: Uint8Array = await page.getFile('/runs/pruned/model.onnx');
  const report = new TextDecoder().decode(await page.getFile('/runs/pruned/report.html'));
  return {
    ...{ engines, accuracy: summary.accuracy, macs: summary.macs, report: report.slice(0, 15) },
    model: btoa(Array.from(model, (byte) => String.fromCharCode(byte)).join('')),
  };
}

/** In the page: an .npz and a folder of pictures that were dropped, one of which is none. */
async function dropped(npz: string) {
  const [espalier, page] = await Promise.all(
    ['/espalier/espalier.js', '/espalier/page.js'].map((address) => import(address as string)),
  );
  await page.putFile(
    '/data.npz',
    Uint8Array.from(atob(npz), (c) => c.charCodeAt(0)),
  );
  const arrays = await espalier.openDataset('npz:/data.npz');
  const canvas = new OffscreenCanvas(20, 12);
  const context = canvas.getContext('2d')!;
  for (const [colour, name] of [
    ['#f00', 'red'],
    ['#00f', 'blue'],
  ])
    for (let i = 0; i < 3; i++) {
      context.fillStyle = colour;
      context.fillRect(0, 0, 20, 12);
      await page.putFile(`/pictures/${name}/${i}.png`, await canvas.convertToBlob());
    }
  const { classes, shape, train } = await espalier.openDataset('images:/pictures');
  const first = await train.arrays[0].at(0);
  await page.putFile('/pictures/red/broken.png', 'no picture');
  const refused = await espalier
    .openDataset('images:/pictures')
    .catch((error: Error) => `${error.name}: ${error.message}`);
  const missing = await espalier.readModel('/none.onnx').catch((error: Error) => error.message);
  return {
    ...{ classes, shape, refused, missing, samples: arrays.train.length + arrays.test.length },
    pixel: [0, 1, 2].map((c) => first.data[c * 240]),
  };
}

/** In the page: a run that is stopped after its second epoch; what is kept of it. */
async function stopped() {
  const [espalier, page] = await Promise.all(
    ['/espalier/espalier.js', '/espalier/page.js'].map((address) => import(address as string)),
  );
  const kept = await page.keepFiles();
  const over = new AbortController();
  const recipe = espalier.trainRecipe({
    model: 'resnet8',
    width: 0.5,
    data: 'digits',
    epochs: 3,
    batch: 128,
    threads: 1,
  });
  const { summary } = await espalier.startRun(recipe, '/runs/stopped', {
    signal: over.signal,
    onEpoch: ({ epoch }: { epoch: number }) => epoch === 2 && over.abort(),
  });
  return { kept, summary: summary === undefined };
}

/** In another page: goes on from what was kept. */
async function resumed() {
  const [espalier, page] = await Promise.all(
    ['/espalier/espalier.js', '/espalier/page.js'].map((address) => import(address as string)),
  );
  const kept = await page.keepFiles();
  const epochs: number[] = [];
  const { summary } = await espalier.resumeRun('/runs/stopped', {
    onEpoch: ({ epoch }: { epoch: number }) => epochs.push(epoch),
  });
  await page.removeFiles('/runs');
  return { kept, epochs, accuracy: summary.accuracy.after, files: page.listFiles('/runs') };
}

/** An .npz of 40 vectors of two classes. */
function vectors(): string {
  const npy = (descr: string, shape: string, body: Uint8Array) => {
    const text = `${`{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(117)}\n`;
    return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00\x76\x00', 'latin1'), Buffer.from(text), body]);
  };
  const x = Float32Array.from({ length: 80 }, (_, i) => Math.sin(i));
  const y = Uint8Array.from({ length: 40 }, (_, i) => i % 2);
  const arrays = {
    'x.npy': npy('<f4', '40, 2', new Uint8Array(x.buffer)),
    'y.npy': npy('|u1', '40,', y),
  };
  return Buffer.from(zipSync(arrays)).toString('base64');
}

test('in Chromium: trains, prunes, reports, reads dropped data, and goes on with a run that was stopped', async (t) => {
  const path = findChromium();
  if (!path) return t.skip('Chromium is not there (apt-get install chromium), so no page is opened');
  const { serve } = await import(new URL('examples/browser/serve.mjs', root).href);
  const browser = await openChromium(path);
  t.after(() => browser.close());
  for (const isolated of [true, false]) {
    const server = await serve({}, { isolated });
    t.after(() => server.close());
    const open = () => browser.open(`${server.address}espalier/none`);
    const page = await open();
    const threads = isolated ? 2 : 1;
    const made = await call(page, trainAndPrune, threads);
    assert.match(made.engines[0], new RegExp(`^wasm, .*, ${threads} thread`));
    assert.ok(made.accuracy.after > 0.5 && made.accuracy.before > 0.5, JSON.stringify(made.accuracy));
    assert.ok(made.macs.after < 0.6 * made.macs.before);
    assert.match(made.report, /^<!doctype html>/i);
    const session = await ort.InferenceSession.create(Buffer.from(made.model, 'base64'));
    const pixels = new ort.Tensor('float32', new Float32Array(64), [1, 1, 8, 8]);
    const [answer] = Object.values(await session.run({ [session.inputNames[0]]: pixels }));
    assert.deepEqual(answer.dims, [1, 10]);
    if (isolated) {
      const data = await call(page, dropped, vectors());
      assert.deepEqual(data.classes, ['blue', 'red']);
      assert.deepEqual([data.shape, data.pixel, data.samples], [[3, 12, 20], [0, 0, 255], 40]);
      assert.match(data.refused, /^UserError: 1 of the 7 pictures in \/pictures cannot be decoded/);
      assert.match(data.missing, /^Cannot read \/none\.onnx: no such file/);
      assert.deepEqual(await call(page, stopped), { kept: true, summary: true });
      await page.close();
      const other = await open();
      const { kept, epochs, accuracy, files } = await call(other, resumed);
      assert.deepEqual([kept, epochs, files], [true, [3], []]);
      assert.ok(accuracy > 0.5, String(accuracy));
    }
  }
});
