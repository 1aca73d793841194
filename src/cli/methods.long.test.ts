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
import { random, uniform } from '../base/index.js';
import { methodCases } from './methods.test.fixture.js';

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

/** Longer than what is left of a run after its first checkpoint. */
const REST = 400;

describe('every method', { concurrency: 2 }, () => {
  for (const { name, id, line, exact } of methodCases(12))
    test(name, async () => {
      const [whole, pieces] = [`${id}-whole`, `${id}-pieces`];
      await succeed(`${line} --quiet --out ${whole}`);
      const { sparsity } = json(whole, 'summary.json');
      if (sparsity.target !== undefined && exact)
        assert.ok(Math.abs(sparsity.after - sparsity.target) < 1e-4, JSON.stringify(sparsity));

      const moment = random(1, name);
      let delay = uniform(moment) * REST;
      while (!(await kill(`${line} --quiet --out ${pieces}`, pieces, delay))) {
        delay = delay < 5 ? 0 : delay / 3;
        rmSync(join(root, pieces), { recursive: true });
      }
      await succeed(`resume ${pieces} --quiet`);
      assert.ok(bytes(pieces, 'model.onnx').equals(bytes(whole, 'model.onnx')), 'the same bytes');
    });
});
