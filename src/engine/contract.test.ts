/** Both sides of the kernels' contract, and every module there is, say the same; and it shows when one of them changes alone. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CONTRACT } from './lowering/contract.js';
import { machineOver } from './machine.js';
import { loadAddon } from './native/addon.js';
import { nodeHost } from './wasm/node.js';
import { openWasm } from './wasm/wasm.js';

const root = new URL('../../', import.meta.url);
const contents = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const { generate, formatted } = (await import(new URL('scripts/build-contract.mjs', root).href)) as {
  generate(contract: string): Record<string, string>;
  formatted(path: string, text: string): string;
};
const HEADER = 'src/engine/kernels/arguments.h';
const contract = contents('src/engine/kernels/contract.yaml');

test('the files of both sides are what the contract gives', () => {
  const files = Object.entries(generate(contract));
  assert.equal(files.length, 3);
  for (const [path, text] of files)
    assert.equal(
      contents(path),
      path.endsWith('.ts') ? formatted(path, text) : text,
      'npm run build:contract',
    );
});

/** The contract that a header's modules carry. */
const carried = (header: string): string =>
  [...header.matchAll(/^ {2}("(?:[^"\\]|\\.)*\\n")(?: \\)?$/gm)].map(([, line]) => JSON.parse(line)).join('');

test('a word more, or another, on one side alone is seen', () => {
  assert.equal(carried(contents(HEADER)), CONTRACT);
  const changes: [string, string][] = [
    ['    items: ceil_div(floats, FILL_RUN)', '    more: int\n    items: ceil_div(floats, FILL_RUN)'],
    ['  FILL_RUN: 16384,', '  FILL_RUN: 8192,'],
    ['    items: ceil_div(floats, FILL_RUN)', '    items: ceil_div(floats, UPDATE_RUN)'],
    ['    bias: read?, one for each output', '    bias: read, one for each output'],
    ['    scratch: CW_MO * run * window', '    scratch: 8 * run * window'],
    ['exp, log, sqrt', 'log, exp, sqrt'],
  ];
  for (const [from, to] of changes) {
    assert.ok(contract.includes(from));
    assert.notEqual(carried(generate(contract.replace(from, to))[HEADER]), CONTRACT, to);
  }
  assert.throws(() => generate(contract.replace('    target: write', '    target: wrote')), /of no kind/);
});

test('every module carries the contract', async (t) => {
  const folder = 'src/engine/wasm/';
  const modules = readdirSync(new URL(folder, root)).filter((name) => name.endsWith('.wasm'));
  assert.equal(modules.length, 8);
  for (const name of modules)
    assert.ok(readFileSync(new URL(folder + name, root)).includes(`${CONTRACT}\0`), `${name} is stale`);
  try {
    assert.equal(loadAddon().contract, CONTRACT);
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    t.diagnostic(`the native module was not looked at: ${(error as Error).message}`);
  }
});

test('a module of another contract is refused', async () => {
  const driver = await openWasm(nodeHost);
  assert.throws(() => machineOver({ ...driver, contract: `${CONTRACT}more` }), /built from other sources/);
  await machineOver(driver).close();
});
