/** For tests: the playground as a person uses it, by clicks in headless Chromium. */
import { before } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { buildNetwork } from '../nn/index.js';
import { serializeModel } from '../onnx/index.js';
import {
  type Browser,
  bundlePages,
  findChromium,
  type Page,
  type Screen,
} from '../runtime/chromium.test.fixture.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
export const path = findChromium();
export const skip = path ? false : 'there is no Chromium: apt-get install chromium';

const network = () => buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 1, width: 0.25 });
const model = Buffer.from(serializeModel(network())).toString('base64');

/** Builds the page before the tests of a file. */
export function buildPage(): void {
  before(() => {
    if (!skip) bundlePages('build-browser', 'build-playground');
  });
}

/** What a person does and sees. */
export function person(page: Page) {
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

export type Person = ReturnType<typeof person>;

export async function openPage(
  browser: Browser,
  address: string,
  screen?: Screen,
): Promise<{ page: Page; act: Person }> {
  const page = await browser.open(address, screen);
  const act = person(page);
  await act.until(`document.querySelector('.connection').textContent.includes('wasm') && 'started'`);
  return { page, act };
}

export async function dropModel(act: Person): Promise<void> {
  await act.drop('model-title', 'mine.onnx', model);
  await act.until(`document.querySelector('#method-title') && 'opened'`);
  await act.idle();
}

/** What is wrong with the page on a screen. */
export const DEFECTS = `(() => {
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

export async function serve(t: { after(done: () => unknown): void }, isolated: boolean): Promise<string> {
  const { servePlayground } = await import(`${root}scripts/playground.mjs`);
  const server = await servePlayground({ isolated });
  t.after(() => server.close());
  return server.address;
}
