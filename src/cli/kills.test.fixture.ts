/** For tests: runs whose processes are killed at any moment, from their very start. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { random, uniform } from '../base/index.js';

const program = fileURLToPath(new URL('./main.js', import.meta.url));

/** What is killed: trainings, a method of weights and one of channels in stages, and one that is done at once. */
export const lines = [
  'train resnet8 --width 0.25 --data digits --batch 256 --epochs 3 --validation 0.1',
  'prune conv2 --width 0.25 --data digits --batch 256 --epochs 5 --method gmp --sparsity 0.8',
  'prune resnet8 --width 0.25 --data digits --batch 256 --method network-slimming --macs 0.6 --epochs 4 --round-to 1',
  'prune resnet8 --width 0.5 --data none --method l1-filters --macs 0.5 --round-to 1',
].map((line) => `${line} --threads 1 --quiet`);

/**
 * Has runs of some of these killed so many times altogether, each by turns begun and resumed, as a person would, until it is done.
 * @throws AssertionError where a process ends by itself otherwise than well, or a model is not the one of a run left alone.
 */
export async function killRuns(kills: number, some: readonly string[]): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'espalier-kills-'));
  const moments = random(1, 'kills');
  /** Status and complaint of a process, which is killed after so many milliseconds where that is given. */
  const attempt = (line: string, after?: number): Promise<{ status: number | null; err: string }> => {
    const child = spawn(process.execPath, [program, ...line.split(' ')], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const timer = after === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), after);
    let err = '';
    child.stderr.on('data', (text) => {
      err += text;
    });
    return new Promise((resolve) =>
      child.on('close', (status) => {
        clearTimeout(timer);
        resolve({ status, err });
      }),
    );
  };
  const model = (run: string) => readFileSync(join(root, run, 'model.onnx'));

  const whole = new Map<string, { run: string; ms: number }>();
  try {
    for (let [killed, n] = [0, 0]; killed < kills; n++) {
      const line = some[n % some.length];
      const run = `run-${n}`;
      let alone = whole.get(line);
      if (!alone) {
        const begun = performance.now();
        alone = { run: `whole-${whole.size}`, ms: 0 };
        const { status, err } = await attempt(`${line} --out ${alone.run}`);
        assert.equal(status, 0, err);
        alone.ms = performance.now() - begun;
        whole.set(line, alone);
      }
      for (let done = false; !done; ) {
        const command = existsSync(join(root, run, 'recipe.json')) ? `resume ${run}` : `${line} --out ${run}`;
        const { status, err } = await attempt(
          command,
          killed < kills ? uniform(moments) * alone.ms : undefined,
        );
        done = status === 0;
        if (!done) assert.equal(status, null, `${command}: ${err}`);
        killed += done ? 0 : 1;
      }
      assert.ok(model(run).equals(model(alone.run)), `${line}: the same bytes`);
      const remains = readdirSync(join(root, run), { recursive: true, encoding: 'utf8' });
      assert.deepEqual(
        remains.filter((name) => /\.lock|\.partial|\.unchecked/.test(name)),
        [],
      );
    }
  } finally {
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  }
}
