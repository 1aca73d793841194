/** What gates do: programs and test files run with some Node in some environment, all that they print going to a log. */
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { addCounts, noCounts } from '../tests.mjs';

export const passed = (count = 1) => ({ ...noCounts(), passed: count });
export const failed = () => ({ ...noCounts(), failed: 1 });

/** A place to run things: a Node, an environment, a log, and a moment when everything is ended. */
export function openBench({ node = process.execPath, env = {}, log, deadline }) {
  /** Runs a command; `status` is null when time was up. */
  function run(command, args) {
    const ended = new Promise((resolve) => {
      const child = spawn(command, args, {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const timer = setTimeout(() => child.kill('SIGKILL'), Math.max(0, deadline - Date.now()));
      let [out, all] = ['', ''];
      child.stdout.on('data', (text) => {
        out += text;
        all += text;
      });
      child.stderr.on('data', (text) => {
        all += text;
      });
      child.on('error', (error) => {
        all += `${error.message}\n`;
      });
      child.on('close', (status) => {
        clearTimeout(timer);
        appendFileSync(log, `\n$ ${command} ${args.join(' ')}\n${all}`);
        resolve({ status, out, all });
      });
    });
    return ended;
  }

  /** Runs a script of the project and counts it as one test. */
  async function script(path, ...args) {
    const { status } = await run(node, [path, ...args]);
    return status === 0 ? passed() : failed();
  }

  /** Runs a script that ends with a line 'N passed, N failed, N skipped'. */
  async function summed(path) {
    const { status, out, all } = await run(node, ['--enable-source-maps', path]);
    const last = /^(\d+) passed, (\d+) failed, (\d+) skipped\s*$/m.exec(out.slice(-200));
    if (!last || (status !== 0 && last[2] === '0')) return failed();
    if (status !== 0) process.stdout.write(`${complaints(all, path, status)}\n`);
    const [passed, fails, skipped] = last.slice(1).map(Number);
    return { passed, failed: fails, skipped };
  }

  /** Runs a test file by itself, so that nothing but this one process has to be emulated. */
  async function testFile(file) {
    const { status, out, all } = await run(node, ['--enable-source-maps', '--test-reporter=spec', file]);
    const count = (key) => Number(new RegExp(`^ℹ ${key} (\\d+)$`, 'm').exec(out)?.[1] ?? 0);
    const counts = {
      passed: count('pass'),
      failed: count('fail') + count('cancelled'),
      skipped: count('skipped'),
    };
    if (status !== 0 && counts.failed === 0) counts.failed = 1;
    if (counts.failed > 0) process.stdout.write(`${complaints(all, file, status)}\n`);
    return counts;
  }

  /** Runs test files, as many at once as there are cores. */
  async function tests(files) {
    const sum = noCounts();
    const waiting = [...files];
    const worker = async () => {
      for (let file = waiting.shift(); file; file = waiting.shift()) addCounts(sum, await testFile(file));
    };
    await Promise.all(Array.from({ length: availableParallelism() }, worker));
    return sum;
  }

  return { node, run, script, summed, tests };
}

/** The end of what a failed test file printed, where its failures are. */
function complaints(all, file, status) {
  const at = all.indexOf('failing tests:');
  const why = status === null ? 'ended from outside' : `exit status ${status}`;
  return `${file}: ${why}\n${(at < 0 ? all.slice(-4000) : all.slice(at)).slice(0, 8000)}`;
}
