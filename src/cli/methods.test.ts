/**
 * Every method there is, from the command line, on the digits: run whole; and killed at a moment of chance, resumed, and the
 * model the same to the byte.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { random, uniform } from '../base/random.js';
import { methods } from '../sparsity/index.js';
import { learntMethods } from '../sparsity/learnt/index.js';

const program = fileURLToPath(new URL('./main.js', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'espalier-methods-'));
after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));

function start(line: string): {
  child: ChildProcess;
  ended: Promise<{ status: number | null; err: string }>;
} {
  const child = spawn(process.execPath, [program, ...line.split(' ')], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let err = '';
  child.stderr!.on('data', (text) => {
    err += text;
  });
  return { child, ended: new Promise((resolve) => child.on('close', (status) => resolve({ status, err }))) };
}

async function succeed(line: string): Promise<void> {
  const { status, err } = await start(line).ended;
  assert.equal(status, 0, `${line}: ${err}`);
}

/** Kills a run so long after its first checkpoint; false where it was done by then. */
async function kill(line: string, folder: string, delay: number): Promise<boolean> {
  const { child, ended } = start(line);
  const checkpoint = join(root, folder, 'checkpoint', 'state.bin');
  while (!existsSync(checkpoint) && child.exitCode === null) await wait(2);
  await wait(delay);
  child.kill('SIGKILL');
  const { status, err } = await ended;
  assert.ok(status === null || status === 0, `${line}: ${err}`);
  return status === null && !existsSync(join(root, folder, 'summary.json'));
}

const json = (...names: string[]) => JSON.parse(readFileSync(join(root, ...names), 'utf8'));
const bytes = (...names: string[]) => readFileSync(join(root, ...names));

const task = '--width 0.25 --data digits --batch 128 --epochs 12 --lr 0.05 --threads 1 --quiet';
const prune = (flags: string) => `prune conv2 ${task} ${flags}`;

const cases: Record<string, string> = {
  ...Object.fromEntries(
    [...methods, ...learntMethods].map(({ name }) => [name, `--method ${name} --sparsity 0.8`]),
  ),
  'fggp from a sparse start, with averages':
    '--method fggp --sparsity 0.8 --start-density 0.5 --average-weight 0.5 --average-gradient 0.5',
  'probmask, a supermask': '--method probmask --start frozen --sparsity 0.5',
  'probmask, drawn': '--method probmask --sparsity 0.8 --final-mask draw --draws 3 --validation 0.1',
  'str without a target': '--method str',
};

/** Longer than what is left of a run after its first checkpoint. */
const REST = 400;

describe('every method', { concurrency: 2 }, () => {
  for (const [name, flags] of Object.entries(cases))
    test(name, async () => {
      const id = name.replace(/\W+/g, '-');
      const [whole, pieces] = [`${id}-whole`, `${id}-pieces`];
      await succeed(`${prune(flags)} --out ${whole}`);
      const { sparsity } = json(whole, 'summary.json');
      if (sparsity.target !== undefined && !flags.includes('draw'))
        assert.ok(
          sparsity.after > sparsity.target - 1e-4 && sparsity.after < sparsity.target + 1e-4,
          JSON.stringify(sparsity),
        );

      const moment = random(1, name);
      let delay = uniform(moment) * REST;
      while (!(await kill(`${prune(flags)} --out ${pieces}`, pieces, delay))) {
        delay = delay < 5 ? 0 : delay / 3;
        rmSync(join(root, pieces), { recursive: true });
      }
      await succeed(`resume ${pieces} --quiet`);
      assert.ok(bytes(pieces, 'model.onnx').equals(bytes(whole, 'model.onnx')), 'the same bytes');
    });
});
