/** The pages as a browser shows them: on a phone and on a wide screen, light and dark. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { MetricsLine, StudyResult, Summary } from '../runs/index.js';
import { findChromium, openChromium, type Page, type Screen } from '../runtime/chromium.test.fixture.js';
import { renderReport } from './report.js';
import { channels, metrics, recipe, summary } from './report.test.fixture.js';
import { writeStudy } from './study/index.js';

const path = findChromium();
const skip = path ? false : 'there is no Chromium: apt-get install chromium';

const phone = { width: 390, height: 844 };
const wide = { width: 1440, height: 900 };
const screens: Screen[] = [phone, { ...phone, dark: true }, wide, { ...wide, dark: true }];

/** As other people name their layers. */
const long = 'model.backbone.stages.3.blocks.11.attention.projection.weight';
const layers = summary.prunable.layers.map((layer) => ({ ...layer, name: long }));
const full: Summary = {
  ...summary,
  prunable: { ...summary.prunable, layers },
  accuracy: { before: 0.9, after: 0.5 },
  latency: { before: 3.21, after: 1.5, target: 1.5 },
  classes: ['cat', 'dog'].map((name) => ({ name, samples: 100, accuracy: { before: 0.9, after: 0.5 } })),
};
const learnt = metrics.map(
  (line): MetricsLine =>
    line.kind === 'masks' ? { ...line, probabilities: [1, 2, 3], thresholds: [-5, -6] } : line,
);
const structured: Summary = { ...full, channels, sparsity: { before: 0, after: 0 } };

const cell = (method: string, sparsity: string, mean: number) => ({
  at: { method, sparsity },
  settings: {},
  accuracy: { n: 3, mean, deviation: 0.01 },
  sparsity: Number(sparsity),
  macs: 1e7,
  effectiveMacs: 1e6,
  emptied: 0,
  seconds: 100,
  difference: { n: 3, mean: -0.01, deviation: 0.01, interval: [-0.03, 0.01] as [number, number] },
});
const study: StudyResult = {
  title: 'FGGP and magnitude',
  recipe: { model: 'resnet20', data: 'cifar10' },
  axes: ['method', 'sparsity'],
  seeds: [1, 2, 3],
  baseline: 'fggp',
  planned: 12,
  finished: 12,
  cells: ['fggp', 'magnitude'].flatMap((m, i) =>
    ['0.9', '0.95'].map((s, k) => cell(m, s, 0.9 - i / 20 - k / 10)),
  ),
  failures: [],
};

/** Defects of a page, in words; an expression that runs in it. */
const DEFECTS = `(() => {
  const found = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const over = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (over > 0) found.push('the page is ' + over + ' px too wide');
  const levels = all('h1, h2, h3, h4').map((heading) => Number(heading.tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1 || levels[0] !== 1) found.push('not one h1 at the top');
  levels.forEach((level, i) => { if (level > (levels[i - 1] ?? 1) + 1) found.push('a heading h' + level + ' without one above it'); });
  for (const table of all('table')) {
    if (!table.caption?.textContent) found.push('a table without a caption');
    for (const cell of table.querySelectorAll('th')) if (!cell.scope || !cell.textContent) found.push('a head without scope or text');
  }
  for (const svg of all('figure.chart svg[viewBox]')) {
    if (svg.classList.length === 0 || svg.closest('[class*=swatch]')) continue;
    if (svg.getAttribute('role') !== 'img' || !svg.getAttribute('aria-label')) found.push('a chart without a name');
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    for (const text of svg.querySelectorAll('text')) {
      const size = parseFloat(getComputedStyle(text).fontSize) * scale;
      if (size < 9) { found.push('letters of ' + size.toFixed(1) + ' px in ' + svg.getAttribute('aria-label')); break; }
    }
  }
  const ids = all('[id]').map(({ id }) => id);
  if (new Set(ids).size < ids.length) found.push('an id twice');
  for (const link of all('a[href^="#"]')) if (!document.getElementById(link.hash.slice(1))) found.push('a link to nowhere: ' + link.hash);
  for (const box of all('body *')) {
    const { overflowX } = getComputedStyle(box);
    if (/auto|scroll/.test(overflowX) && box.scrollWidth > box.clientWidth && (box.tabIndex < 0 || !box.getAttribute('aria-label')))
      found.push('a box that the keyboard cannot scroll: ' + box.className);
  }
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const pixel = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = pixel(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  const texts = all('body *').filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  let compared = 0;
  for (const element of texts) {
    if (element.tagName === 'STYLE' || element.tagName === 'title' || element.tagName === 'CAPTION') continue;
    const style = getComputedStyle(element);
    const inside = element instanceof SVGElement;
    const [a, b] = [pixel(inside ? style.fill : style.color), behind(element)].map(light).sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    compared++;
    if (ratio < 4.5) found.push('contrast of ' + ratio.toFixed(1) + ' in "' + element.textContent.trim().slice(0, 40) + '"');
  }
  if (compared < 20) found.push('only ' + compared + ' texts were compared');
  return [...new Set(found)];
})()`;

const screenName = ({ width, dark }: Screen): string => `${width} px, ${dark ? 'dark' : 'light'}`;

test('reports and studies are readable on a phone and on a wide screen, light and dark', {
  skip,
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-pages-'));
  const browser = await openChromium(path!);
  t.after(async () => {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  });
  await writeFile(join(folder, 'unstructured.html'), renderReport(full, learnt, recipe));
  await writeFile(join(folder, 'structured.html'), renderReport(structured, metrics, recipe));
  await writeStudy(folder, study, []);
  for (const name of ['unstructured', 'structured', 'study'])
    for (const screen of screens) {
      const page = await browser.open(pathToFileURL(join(folder, `${name}.html`)).href, screen);
      await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
      const what = `${name}.html, ${screenName(screen)}`;
      assert.deepEqual(await page.evaluate<string[]>(DEFECTS), [], what);
      assert.deepEqual(page.complaints, [], what);
      if (screen === screens[1]) assert.notEqual(await background(page), 'rgb(255, 255, 255)', what);
      await page.close();
    }
});

test('the checks see what they are for', { skip }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-pages-'));
  const browser = await openChromium(path!);
  t.after(async () => {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  });
  const bad = `<!doctype html><meta name="viewport" content="width=device-width"><body><h1>A</h1><h3>B</h3><p style="color:#aaa">pale</p><table><tr><th>x</th></tr></table>
<div style="width:900px">wide</div><div style="overflow-x:auto;width:50px"><pre>a long line of words</pre></div><a href="#no">n</a>
<script>console.error('it complains')</script>`;
  await writeFile(join(folder, 'bad.html'), bad);
  const page = await browser.open(pathToFileURL(join(folder, 'bad.html')).href, phone);
  const defects = (await page.evaluate<string[]>(DEFECTS)).join('\n');
  for (const defect of [
    'px too wide',
    'without a caption',
    'without scope',
    'a heading h3',
    'to nowhere',
    'contrast of 2',
    'cannot scroll',
  ])
    assert.ok(defects.includes(defect), `${defect}: ${defects}`);
  assert.deepEqual(page.complaints, ['it complains']);
});

const background = (page: Page) => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
