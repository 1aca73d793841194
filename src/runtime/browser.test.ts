/** The bundle for browsers: its size, its kernels, and itself in headless Chromium, beside onnxruntime-web. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { withCard } from '../data/index.js';
import { type Machine, machineOver, openMachine, openWasm } from '../engine/index.js';
import { buildNetwork, type NetworkOptions } from '../nn/index.js';
import { type Graph, serializeModel, sizeOf } from '../onnx/index.js';
import {
  type Browser,
  bundlePages,
  call,
  findChromium,
  openChromium,
  type Page,
} from './chromium.test.fixture.js';
import { classify, type Label, load } from './index.js';
import { modelOf } from './model.js';
import { pack } from './pack.js';

const root = new URL('../../', import.meta.url);
const bundle = new URL('dist/browser/', root);
const cifar: NetworkOptions = { shape: [3, 32, 32], classes: 10, seed: 1 };

/** The network with all but every fifth weight at 0. */
function sparse(name: string): Graph {
  const graph = buildNetwork(name, { ...cifar, width: name === 'mobilenetv2' ? 0.5 : 1 });
  const initializers = [...graph.initializers].map(([key, tensor]) => {
    const data = (tensor.data as Float32Array).map((x, i) =>
      tensor.shape.length < 2 || i % 5 === 0 ? x : 0,
    );
    return [key, { ...tensor, data }] as const;
  });
  return { ...graph, initializers: new Map(initializers) };
}

const imageFor = (shape: readonly number[]): Float32Array =>
  Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(1.7 * i));

/** The machine that a page without shared memory has, here. */
async function plainMachine(): Promise<Machine> {
  const read = async (relaxed: boolean) =>
    new Uint8Array(
      readFileSync(new URL(`src/engine/wasm/inference-plain${relaxed ? '-relaxed' : ''}.wasm`, root)),
    );
  return machineOver(await openWasm({ read }));
}

before(() => bundlePages('build-browser'));

test('code and kernels that a page needs are smaller than 160 KB, zipped', () => {
  const zipped = (name: string) => gzipSync(readFileSync(new URL(name, bundle)), { level: 9 }).length;
  const kernels = readdirSync(bundle).filter((name) => /^kernels-(plain|shared)/.test(name));
  assert.equal(kernels.length, 4);
  const size = zipped('runtime.js') + Math.max(...kernels.map(zipped));
  assert.ok(size < 160_000, `${size} bytes`);
  assert.doesNotMatch(
    readFileSync(new URL('runtime.js', bundle), 'utf8'),
    /\b(from|import)\s*\(?"(?!\.\/kernels-)/,
  );
});

test('a plain memory and the kernels of inference compute the same, and models outlive its growth', async () => {
  const [machine, other] = await Promise.all([plainMachine(), openMachine({ engine: 'wasm', threads: 1 })]);
  const small = modelOf(sparse('lenet5'), { machine });
  const image = imageFor([...small.inputs.values()][0]);
  const first = await small.run({ input: image });
  machine.allocate(2 ** 25);
  for (const name of ['resnet20', 'mobilenetv2']) {
    const models = [machine, other].map((on) => modelOf(sparse(name), { machine: on }));
    const [one, two] = await Promise.all(models.map((model) => model.run({ input: image })));
    assert.deepEqual(one, two, name);
  }
  assert.deepEqual(await small.run({ input: image }), first);
  await Promise.all([machine.close(), other.close()]);
});

/** When the example has come to its end: what it says. */
const ending = () =>
  new Promise<string>((resolve) => {
    const look = () => {
      if ('done' in document.body.dataset) resolve(document.querySelector('#status')!.textContent!);
      else setTimeout(look, 20);
    };
    look();
  });

/** In the page: how far outputs are from onnxruntime-web's, and on what they were computed. */
async function compared({ address, peer, threads }: { address: string; peer: string; threads: number }) {
  const script = '/contestants.js';
  const { espalier, onnxruntime, anyInputs, difference } = await import(script);
  const mine = await espalier(address, { threads });
  const other = await onnxruntime(peer, mine.inputs, threads);
  let far = 0;
  for (const seed of [0, 1, 2]) {
    const inputs = anyInputs(mine.inputs, seed);
    far = Math.max(far, difference(await mine.run(inputs), await other.run(inputs)));
  }
  await Promise.all([mine.close(), other.close()]);
  return { far, name: mine.name as string };
}

async function refusal(address: string): Promise<string> {
  const script = '/contestants.js';
  const { load } = await import(script);
  return load(address).then(
    () => 'loaded',
    (error: Error) => `${error.name}: ${error.message}`,
  );
}

test('in Chromium: agrees with onnxruntime-web, with threads and without; what is no model is refused', async (t) => {
  const path = findChromium();
  if (!path) return t.skip('Chromium is not there (apt-get install chromium), so no page is opened');
  const { serve } = await import(new URL('examples/browser/serve.mjs', root).href);
  const packed = await pack(sparse('mobilenetv2'));
  const carded = withCard(sparse('lenet5'), {
    ...{
      classes: [...'abcdefghij'],
      mean: [0.4, 0.5, 0.6],
      std: [0.2, 0.3, 0.25],
      scale: 255,
      resize: 'crop',
    },
  });
  const files = {
    '/model.espk': await pack(carded),
    '/model.onnx': serializeModel(sparse('lenet5')),
    '/mobilenetv2.espk': packed,
    '/mobilenetv2.onnx': serializeModel(sparse('mobilenetv2')),
    // Enough work for others to be woken.
    '/resnet20.onnx': serializeModel(buildNetwork('resnet20', cifar)),
    '/cut.espk': packed.slice(0, -10),
    '/text.onnx': new TextEncoder().encode('<!doctype html><title>Not a model</title>'),
  };
  const browser: Browser = await openChromium(path);
  try {
    for (const isolated of [false, true]) {
      const server = await serve(files, { isolated });
      const page = await browser.open(`${server.address}?rounds=2`);
      assert.match(
        await page.evaluate(`(${ending})()`),
        /^Outputs differ by \de-\d+ of the largest; espalier is/,
      );
      const threads = isolated ? 2 : 1;
      for (const [address, peer] of [
        ['mobilenetv2.espk', 'mobilenetv2.onnx'],
        ['resnet20.onnx', 'resnet20.onnx'],
      ]) {
        const { far, name } = await call(page, compared, { address, peer, threads });
        assert.ok(far < 1e-4, `${address}: ${far}`);
        assert.match(name, new RegExp(`wasm, .*, ${threads} thread`));
      }
      await photos(page, carded);
      await (isolated ? withoutWorkers(page) : refusals(page));
      await page.close();
      await server.close();
    }
  } finally {
    await browser.close();
  }
});

/** In the page: a picture that is chosen, and then something dropped that is none; what the page says, and the pixels. */
async function chosenAndDropped() {
  const find = <T extends HTMLElement>(id: string) => document.querySelector<T>(`#${id}`)!;
  const [drop, file, found] = [find('drop'), find<HTMLInputElement>('file'), find('found')];
  const until = async (ready: () => boolean) => {
    for (let tries = 0; !ready(); tries++) {
      if (tries > 3000) throw new Error(`the page stays at: ${found.textContent}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await until(() => drop.dataset.ready === '');
  const canvas = Object.assign(document.createElement('canvas'), { width: 50, height: 40 });
  const context = canvas.getContext('2d')!;
  for (let i = 0; i < 20; i++) {
    context.fillStyle = `rgb(${13 * i}, ${255 - 9 * i}, ${(70 * i) % 256})`;
    context.fillRect((i % 5) * 10, Math.floor(i / 5) * 10, 10, 10);
  }
  const blob = await new Promise<Blob>((resolve) => canvas.toBlob((made) => resolve(made!)));
  const files = (content: BlobPart, name: string, type: string) => {
    const given = new DataTransfer();
    given.items.add(new File([content], name, { type }));
    return given;
  };
  file.files = files(blob, 'photo.png', 'image/png').files;
  file.dispatchEvent(new Event('change'));
  await until(() => found.textContent!.endsWith(' ms)'));
  const rows = [...document.querySelectorAll<HTMLTableRowElement>('#labels tr')].map((row) =>
    [...row.cells].slice(0, 2).map((cell) => cell.textContent!),
  );
  const best = found.textContent!;
  const dataTransfer = files('no picture', 'notes.txt', 'text/plain');
  drop.dispatchEvent(new DragEvent('drop', { dataTransfer, cancelable: true }));
  await until(() => !/^Looking|ms\)$/.test(found.textContent!));
  file.focus();
  const { classify, load } = await import('/espalier/runtime.js' as string);
  const model = await load('model.espk');
  const image = Object.assign(new Image(), { src: canvas.toDataURL() });
  await image.decode();
  const pixels = context.getImageData(0, 0, 50, 40);
  const given = [blob, canvas, await createImageBitmap(blob), image, pixels];
  const all = await Promise.all(given.map((picture) => classify(model, picture, { top: 3 })));
  const refused = await classify(model, {}).catch((error: Error) => error.message);
  await model.close();
  return {
    ...{ rows, best, refused, all, refusal: found.textContent!, data: [...pixels.data] },
    focused: document.activeElement === file && file.labels![0].textContent!.length > 0,
  };
}

/** What the example says of a picture is what classify says in Node of the same pixels. */
async function photos(page: Page, graph: Graph): Promise<void> {
  const seen = await page.evaluate<Awaited<ReturnType<typeof chosenAndDropped>>>(`(${chosenAndDropped})()`);
  const model = await load(serializeModel(graph), { threads: 1 });
  const expected = await classify(model, { data: Uint8Array.from(seen.data), width: 50, height: 40 });
  await model.close();
  assert.deepEqual(
    seen.rows,
    expected.map(({ label, score }) => [label, `${(100 * score).toFixed(1)} %`]),
  );
  assert.match(seen.best, new RegExp(`^${expected[0].label}, \\d+\\.\\d % \\(\\d+ ms\\)$`));
  for (const found of seen.all)
    for (const [i, { label, score }] of (found as Label[]).entries()) {
      assert.equal(label, expected[i].label);
      assert.ok(Math.abs(score - expected[i].score) < 1e-5);
    }
  assert.match(seen.refusal, /^notes\.txt cannot be decoded as a picture; give a PNG/);
  assert.match(seen.refused, /^This is not a picture, or it has not loaded yet/);
  assert.ok(seen.focused, 'the file is chosen by the keyboard, too');
}

/** In the page: a model from what fetch gives. */
async function loadedFromBuffer(address: string): Promise<string> {
  const script = '/contestants.js';
  const { load } = await import(script);
  const model = await load(await (await fetch(address)).arrayBuffer());
  await model.close();
  return [...model.inputs.keys()].join();
}

async function refusals(page: Page): Promise<void> {
  const told = (name: string) => call(page, refusal, name);
  assert.equal(await call(page, loadedFromBuffer, 'model.espk'), 'input');
  assert.equal(
    await told('nowhere.espk'),
    'UserError: Cannot fetch nowhere.espk: the answer is 404; check the address and the network.',
  );
  assert.match(
    await told('cut.espk'),
    /^UserError: cut\.espk is damaged or cut short; download or pack it again\.$/,
  );
  assert.match(
    await told('text.onnx'),
    /^UserError: text\.onnx is damaged or not an ONNX model \(.*\); get it again/,
  );
  assert.match(
    await told('http://127.0.0.1:9/'),
    /^UserError: Cannot fetch http:.* check the address and the network\.$/,
  );
}

/** A page that may have no workers has one thread. */
async function withoutWorkers(page: Page): Promise<void> {
  const forbid = async () => {
    const policy = { httpEquiv: 'Content-Security-Policy', content: "worker-src 'none'" };
    document.head.append(Object.assign(document.createElement('meta'), policy));
    const script = '/contestants.js';
    const { load } = await import(script);
    const model = await load('model.espk', { threads: 2 });
    await model.close();
    return model.machine as string;
  };
  assert.match(await call(page, forbid, undefined), /1 thread$/);
}
