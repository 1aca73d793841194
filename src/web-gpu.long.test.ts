/** The library in a page that has a GPU, for which software may stand in. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { fewPictures } from './data/npz.test.fixture.js';
import { bundlePages, call, findChromium, hasGpu, openChromium } from './runtime/chromium.test.fixture.js';

const root = new URL('../', import.meta.url);

before(() => bundlePages('build-browser'));

/** In the page: the same short training on both engines; what they are called, and the losses. */
async function onBoth(npz: string) {
  const [espalier, page] = await Promise.all(
    ['/espalier/espalier.js', '/espalier/page.js'].map((address) => import(address as string)),
  );
  await page.putFile(
    '/few.npz',
    Uint8Array.from(atob(npz), (c) => c.charCodeAt(0)),
  );
  const engines: string[] = [];
  const losses: number[] = [];
  for (const engine of ['wasm', 'webgpu']) {
    const recipe = espalier.trainRecipe({
      ...{ model: 'resnet8', width: 0.25, data: 'npz:/few.npz', batch: 8, epochs: 1, lr: 0.1 },
      ...{ engine, threads: 1, seed: 1 },
    });
    const { summary } = await espalier.startRun(recipe, `/runs/${engine}`, {
      onStart: (start: { engine: string }) => engines.push(start.engine.split(',')[0]),
    });
    losses.push(summary.loss.after);
  }
  await page.removeFiles('/runs');
  const refused = await espalier.openMachine({ engine: 'native' }).catch((error: Error) => error.message);
  return { engines, losses, refused };
}

/** In a page without a GPU. */
async function withoutGpu() {
  const espalier = await import('/espalier/espalier.js' as string);
  return espalier
    .openMachine({ engine: 'webgpu' })
    .catch((error: Error) => `${error.name}: ${error.message}`);
}

test('in Chromium: trains on a GPU as on WebAssembly, and says where there is none', async (t) => {
  const path = findChromium();
  if (!path) return t.skip('Chromium is not there (apt-get install chromium), so no page is opened');
  const { serve } = await import(new URL('examples/browser/serve.mjs', root).href);
  const server = await serve({}, { isolated: true });
  t.after(() => server.close());
  const open = async (gpu: boolean) => {
    const browser = await openChromium(path, { gpu });
    t.after(() => browser.close());
    return browser.open(`${server.address}espalier/none`);
  };
  assert.match(
    await call(await open(false), withoutGpu),
    /^UserError: The webgpu engine cannot be used: .*; use the engine wasm instead\.$/,
  );
  const page = await open(true);
  if (!(await hasGpu(page))) return t.skip('this Chromium has no WebGPU');
  const { engines, losses, refused } = await call(
    page,
    onBoth,
    Buffer.from(fewPictures()).toString('base64'),
  );
  assert.deepEqual(engines, ['wasm', 'webgpu']);
  assert.ok(Math.abs(losses[1] / losses[0] - 1) < 1e-4, `the losses are ${losses}`);
  assert.match(refused, /^There is no engine native in a browser/);
});
