/** `espalier watch` as a person, and as a stranger, uses it: the server over HTTP, and the page by clicks in Chromium. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Recipe, resolveRecipe, startRun } from '../runs/index.js';
import { bundlePages, findChromium, openChromium } from '../runtime/chromium.test.fixture.js';
import { savePage, type Watch, watch } from './index.js';
import type { LayerTimes, RunDetail, RunRow } from './types.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const main = join(root, 'dist/cli/main.js');
let folder = '';
let server: Watch;

const recipeFor = (seed: number): Recipe =>
  resolveRecipe(
    'prune',
    { model: 'resnet8', data: 'digits', method: 'gmp', sparsity: 0.9, epochs: 2, updates: 4, seed },
    'test',
  );

before(async () => {
  bundlePages('build-watch');
  folder = await mkdtemp(join(tmpdir(), 'espalier-watch-'));
  for (const seed of [1, 2]) await startRun(recipeFor(seed), join(folder, `runs/gmp/seed-${seed}`), {});
  server = await watch({ folders: [join(folder, 'runs')], main, rhythm: 100 });
});

after(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

const get = async <T>(path: string): Promise<T> =>
  (await fetch(new URL(path, server.address))).json() as Promise<T>;

async function post(path: string, body: object = {}): Promise<{ error?: string; id?: string }> {
  const address = new URL(path, server.address);
  const response = await fetch(address, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { origin: address.origin },
  });
  return response.json() as Promise<{ error?: string; id?: string }>;
}

/** The status of a request with headers that fetch does not let one set. */
function statusOf(address: string, headers: Record<string, string> = {}, method = 'GET'): Promise<number> {
  return new Promise((resolve, reject) => {
    request(address, { headers, method }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    })
      .on('error', reject)
      .end();
  });
}

const rowOf = async (id: string) => (await get<RunRow[]>('api/runs')).find((row) => row.id === id);

async function until(id: string, holds: (row: RunRow | undefined) => boolean): Promise<RunRow> {
  for (;;) {
    const row = await rowOf(id);
    if (holds(row)) return row!;
    await wait(100);
  }
}

test('runs are listed with their figures, and told in full', async () => {
  const rows = await get<RunRow[]>('api/runs');
  assert.deepEqual(
    rows.map(({ id, setting, status, epoch, epochs }) => ({ id, setting, status, epoch, epochs })),
    [1, 2].map((seed) => ({
      id: `gmp/seed-${seed}`,
      setting: 'gmp',
      status: 'finished',
      epoch: 2,
      epochs: 2,
    })),
  );
  const { curves, layers, summary, files } = await get<RunDetail>('api/run?id=gmp/seed-1');
  assert.equal(rows[0].result.accuracy, (summary as { accuracy: { after: number } }).accuracy.after);
  assert.equal(curves.values['test.accuracy'].at(-1), rows[0].result.accuracy);
  assert.equal(layers.densities.length, 5, 'the start and four updates');
  const kept = layers.sizes.reduce((sum, size, i) => sum + size * layers.densities.at(-1)![i], 0);
  const size = layers.sizes.reduce((sum, each) => sum + each, 0);
  assert.ok(Math.abs(1 - kept / size - rows[0].result.sparsity) < 1e-9);
  assert.ok(files.includes('model.onnx') && !files.includes('run.lock'));
});

test('the time of each layer is measured once', async () => {
  const measured = await get<LayerTimes>('api/times?id=gmp/seed-1');
  const { ms, layers } = measured;
  const sum = layers.reduce((total, layer) => total + layer.ms, 0);
  assert.ok(layers.length > 5 && sum > 0 && sum <= 1.01 * ms, `${sum} of ${ms}`);
  assert.deepEqual(await get('api/times?id=gmp/seed-1'), measured);
});

test('nothing is read outside the folders, and nobody from elsewhere may ask', async () => {
  await writeFile(join(folder, 'secret.json'), '{"a":1}');
  const link = join(folder, 'runs/gmp/seed-1/mask.json');
  await symlink(join(folder, 'secret.json'), link);
  const at = (path: string) => `${server.address}${path}`;
  for (const path of [
    '..%2fsecret.json',
    '../secret.json',
    'api/run?id=..',
    'api/run?id=gmp%2f..%2f..',
    'file?id=gmp/seed-1&name=..%2fsecret.json',
  ])
    assert.ok([400, 404].includes(await statusOf(at(path))), path);
  assert.equal(await statusOf(at('file?id=gmp/seed-1&name=mask.json')), 400, 'links lead out of the folder');
  await unlink(link);
  assert.equal(
    await statusOf(at(''), { host: 'stranger.example' }),
    403,
    'names that resolve to this machine',
  );
  assert.equal(
    await statusOf(at('api/stop?id=gmp/seed-1'), { origin: 'http://stranger.example' }, 'POST'),
    403,
  );
  assert.equal(await statusOf(at('api/stop?id=gmp/seed-1'), {}, 'POST'), 403);
  const { headers } = await fetch(server.address);
  assert.match(headers.get('content-security-policy')!, /default-src 'none'/);
});

test('on other addresses a token is needed, once', async () => {
  const open = await watch({ folders: [join(folder, 'runs')], main, host: '0.0.0.0' });
  try {
    const [, port, token] = /:(\d+)\/\?token=([\w-]{32})$/.exec(open.address)!;
    const address = `http://127.0.0.1:${port}/`;
    assert.equal(await statusOf(address), 403);
    assert.equal(await statusOf(`${address}?token=${'x'.repeat(32)}`), 403);
    const first = await fetch(`${address}?token=${token}`, { redirect: 'manual' });
    assert.equal(first.status, 303);
    const cookie = first.headers.get('set-cookie')!;
    assert.match(cookie, /HttpOnly; SameSite=Strict/);
    assert.equal(await statusOf(`${address}api/runs`, { cookie: cookie.split(';')[0] }), 200);
  } finally {
    await open.close();
  }
});

test('a run is started, stopped and resumed, and a refusal comes as its sentence', async () => {
  const recipe = { command: 'train', model: 'resnet8', data: 'digits', epochs: 400, threads: undefined };
  assert.deepEqual(await post('api/start', { name: 'mine', recipe }), { id: 'mine' });
  const running = await until('mine', (row) => row?.status === 'running' && row.epoch > 1);
  assert.ok(running.secondsLeft! > 0);
  await post('api/stop?id=mine');
  const stopped = await until('mine', (row) => row?.status === 'stopped');
  await post('api/resume?id=mine');
  await until('mine', (row) => row?.status === 'running' && row.epoch > stopped.epoch);
  await post('api/stop?id=mine');
  await until('mine', (row) => row?.status === 'stopped');
  const refusals = [
    [{ name: 'mine', recipe }, /There is a folder mine already/],
    [{ name: '../out', recipe }, /not a name for a folder/],
    [{ name: 'bad', recipe: { ...recipe, epochs: -1 } }, /epochs/],
    [{ name: 'bad' }, /A name and a recipe are needed/],
  ] as const;
  for (const [body, sentence] of refusals) assert.match((await post('api/start', body)).error!, sentence);
  assert.equal(await rowOf('bad'), undefined);
  assert.match((await post('api/stop?id=gmp/seed-1')).error!, /No process is working/);
});

test('a run that failed shows its sentence', async () => {
  const path = join(folder, 'runs/failed');
  await mkdir(path);
  await writeFile(join(path, 'recipe.json'), JSON.stringify(recipeFor(3)));
  await writeFile(`${path}.failed.txt`, 'The disk is full.\n');
  const row = await until('failed', (found) => found !== undefined);
  assert.deepEqual([row.status, row.error], ['failed', 'The disk is full.']);
  await rm(path, { recursive: true });
  await until('failed', (found) => found === undefined);
});

test('a run says in which unit its objective measures, at work and finished', async () => {
  const path = join(folder, 'runs/numbers');
  const metric = { name: 'mean IoU', title: 'mean IoU over the classes', better: 'higher', percent: true };
  await mkdir(join(path, 'checkpoint'), { recursive: true });
  await writeFile(join(path, 'checkpoint/measured.json'), JSON.stringify({ metrics: [metric] }));
  await writeFile(
    join(path, 'metrics.jsonl'),
    `${JSON.stringify({ kind: 'epoch', epoch: 1, loss: 1, test: { loss: 1, metrics: { 'mean IoU': 0.25 } } })}\n`,
  );
  await writeFile(join(path, 'recipe.json'), JSON.stringify({ command: 'train', epochs: 2 }));
  const begun = await until('numbers', (row) => row?.latest['test.metrics.mean IoU'] === 0.25);
  assert.deepEqual(begun.metrics, [metric]);
  const summary = {
    objective: {
      name: 'dense',
      title: 'a class for every position',
      metrics: [{ ...metric, percent: false }],
    },
    metrics: { 'mean IoU': { before: 0.1, after: 0.5 } },
  };
  await writeFile(join(path, 'summary.json'), JSON.stringify(summary));
  const row = await until('numbers', (found) => found?.status === 'finished');
  assert.deepEqual(row.metrics, summary.objective.metrics);
  assert.deepEqual([row.result['metrics.mean IoU'], row.result['metrics.mean IoU.before']], [0.5, 0.1]);
  await rm(path, { recursive: true });
  await until('numbers', (found) => found === undefined);
});

const chromium = findChromium();

test('the page by clicks: filter, choose, compare, unfold, at the width of a phone', {
  skip: !chromium && 'there is no Chromium',
}, async () => {
  const browser = await openChromium(chromium!);
  try {
    const saved = join(folder, 'saved.html');
    await writeFile(saved, await savePage([join(folder, 'runs')]));
    for (const address of [server.address, pathToFileURL(saved).href]) {
      const page = await browser.open(address);
      const says = await page.evaluate<Record<string, unknown>>(`(async () => {
        const { documentElement: html } = document;
        // Timers are slow in a page that nobody sees; changes of the document are not.
        const appears = (selector, holds = (found) => found.length > 0) => new Promise((resolve, reject) => {
          const look = () => {
            const found = [...document.querySelectorAll(selector)];
            if (!holds(found)) return;
            observer.disconnect();
            resolve(found);
          };
          const observer = new MutationObserver(look);
          observer.observe(html, { subtree: true, childList: true, attributes: true });
          setTimeout(() => reject(new Error(selector + ' does not appear: ' + document.body.innerText)), 60_000);
          look();
        });
        const type = (input, value) => { input.value = value; input.dispatchEvent(new Event('input', { bubbles: true })); };
        html.style.width = '390px';
        const wide = [];
        const measure = (view) => html.scrollWidth > Math.max(390, innerWidth) && wide.push(view);
        await appears('.runs tbody tr');
        const [search] = await appears('input[type=search]');
        type(search, 'SEED-2');
        await appears('.runs tbody tr', (found) => found.length === 1);
        measure('list');
        type(search, 'gmp seed');
        const boxes = await appears('.runs tbody input', (found) => found.length === 2);
        for (const box of boxes) box.click();
        location.hash = '#/compare';
        const [chart] = await appears('.plot[role=img]');
        const compared = chart.getAttribute('aria-label');
        const differences = (await appears('main td')).map((cell) => cell.textContent);
        const button = [...document.querySelectorAll('main button')].find((each) => each.textContent.startsWith('Measure'));
        button?.click();
        const times = button && (await appears('[aria-label="Time per layer"] tbody tr')).length;
        measure('compare');
        location.hash = '#/frontier';
        const points = (await appears('svg.frontier circle')).length;
        measure('frontier');
        location.hash = '#/run/' + encodeURIComponent('gmp/seed-1');
        const figures = (await appears('table.figures')).map((table) => table.textContent).join();
        const plots = (await appears('.plot canvas')).length;
        measure('run');
        [...document.querySelectorAll('summary')].find((each) => each.textContent === 'Network').click();
        const folded = (await appears('.node')).length;
        (await appears('.node.block'))[0].dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
        const unfolded = (await appears('.node', (found) => found.length !== folded)).length;
        return { compared, differences, points, figures, plots, folded, unfolded, times, wide };
      })()`);
      assert.match(String(says.compared), /gmp \(2 seeds\) ends at \d\d\.\d\d %/);
      assert.deepEqual(says.differences, ['1', '2'], 'only the seeds differ');
      assert.equal(says.points, 2);
      if (address === server.address) assert.ok(Number(says.times) > 5, 'time per layer');
      assert.match(String(says.figures), /sparsity0\.00 %\d\d\.\d\d %90\.00 %/);
      assert.ok(Number(says.plots) >= 4 && Number(says.unfolded) > Number(says.folded), JSON.stringify(says));
      assert.deepEqual(says.wide, []);
      await page.close();
    }
  } finally {
    await browser.close();
  }
});
