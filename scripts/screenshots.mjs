/**
 * Makes the pictures of docs/gallery: runs on the digits, and what their pages look like in Chromium.
 *
 *     npm run build && node scripts/build-playground.mjs && node scripts/screenshots.mjs      (some minutes)
 *
 * Needs Debian's chromium, or CHROMIUM=PATH. Each picture must stay below 150 kB.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { findChromium, openChromium } from '../dist/runtime/chromium.test.fixture.js';
import { servePlayground } from './playground.mjs';

const LARGEST = 150_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const gallery = join(root, 'docs/gallery');
const work = mkdtempSync(join(tmpdir(), 'espalier-screenshots-'));

function stop(sentence) {
  process.stderr.write(`espalier: ${sentence}\n`);
  process.exit(1);
}

function espalier(words) {
  process.stdout.write(`$ espalier ${words}\n`);
  const { status } = spawnSync(
    process.execPath,
    [join(root, 'dist/cli/main.js'), ...words.split(' '), '--quiet'],
    {
      cwd: work,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  if (status !== 0) stop(`espalier ${words} failed.`);
}

const study = `title: Two methods on the digits
recipe: { model: trained/model.onnx, data: digits, epochs: 3, batch: 64 }
vary:
  setting:
    gmp: { method: gmp }
    fggp: { method: fggp }
  sparsity: [0.8, 0.95]
seeds: [1, 2]
baseline: gmp
`;

/** In the playground: the example is pruned, which takes some seconds, and shown with its result. */
async function showPlayground(page) {
  const until = async (expression) => {
    for (let tries = 0; !(await page.evaluate(expression)); tries++) {
      if (tries > 600) stop(`The playground does not come to ${expression}.`);
      await wait(100);
    }
  };
  await until(`document.querySelector('.connection').textContent.includes('wasm')`);
  await page.evaluate(`(() => {
    const select = document.querySelector('select');
    select.value = 'digits';
    select.dispatchEvent(new Event('change', { bubbles: true }));
  })()`);
  const idle = `!document.querySelector('[aria-busy=true]')`;
  await until(`document.querySelector('#method-title') && ${idle}`);
  await page.evaluate(`(() => {
    const field = document.querySelector('input[type=number]');
    field.value = '8';
    field.dispatchEvent(new Event('input', { bubbles: true }));
  })()`);
  await until(`document.body.innerText.includes('This takes about')`);
  await page.evaluate(
    `[...document.querySelectorAll('button')].find((one) => one.textContent === 'Prune').click()`,
  );
  await until(`document.querySelector('#outcome-title') && ${idle}`);
  await page.evaluate(`document.querySelector('#method-title').scrollIntoView()`);
  await wait(300);
}

/** The pages by name. */
const pages = {
  report: 'sparse/report.html',
  channels: 'narrow/report.html',
  study: 'study/study.html',
};

const phone = { width: 390, height: 844, scale: 1.5 };
const wide = { width: 1280, height: 1150 };
const screens = { wide, phone, dark: { ...wide, dark: true } };

const chromium = findChromium();
if (!chromium) stop('There is no Chromium: apt-get install chromium.');

try {
  espalier('train resnet20 --data digits --epochs 12 --out trained');
  espalier(
    'prune trained/model.onnx --method fggp --sparsity 0.9 --data digits --epochs 12 --lr 0.02 --out sparse',
  );
  espalier(
    'prune trained/model.onnx --method l1-filters --macs 0.5 --data digits --epochs 12 --lr 0.02 --teacher self --out narrow',
  );
  writeFileSync(join(work, 'study.yaml'), study);
  espalier('study study.yaml --out study');

  mkdirSync(gallery, { recursive: true });
  const browser = await openChromium(chromium);
  const server = await servePlayground();
  const addresses = {
    ...Object.fromEntries(
      Object.entries(pages).map(([name, path]) => [name, pathToFileURL(join(work, path)).href]),
    ),
    playground: server.address,
  };
  for (const [name, address] of Object.entries(addresses))
    for (const [screen, look] of Object.entries(screens)) {
      const page = await browser.open(address, look);
      if (name === 'playground') await showPlayground(page);
      const picture = await page.screenshot(80);
      const file = `${name}-${screen}.webp`;
      if (picture.length > LARGEST)
        stop(`${file} has ${picture.length} bytes, and at most ${LARGEST} are allowed.`);
      writeFileSync(join(gallery, file), picture);
      process.stdout.write(`${file} ${(picture.length / 1000).toFixed(0)} kB\n`);
      await page.close();
    }
  await browser.close();
  await server.close();
} finally {
  rmSync(work, { recursive: true, force: true });
}
