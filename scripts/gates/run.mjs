/** What gates do: programs and test files run with some Node in some environment, all that they print going to a log. */
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { addCounts, noCounts } from '../tests.mjs';

export const passed = (count = 1) => ({ ...noCounts(), passed: count });
export const failed = () => ({ ...noCounts(), failed: 1 });

const late = () => ({ ...noCounts(), skipped: 1 });

/** Process groups that run, to be ended with this process. */
const groups = new Set();
const endGroup = (pid) => {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {}
};
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => {
    for (const pid of groups) endGroup(pid);
    process.exit(130);
  });

/** A place to run things: a Node, an environment, a log, and a moment when everything is ended. */
export function openBench({ node = process.execPath, env = {}, log, deadline }) {
  /** Runs a command, with all that it starts; `late` says that time was up. */
  function run(command, args) {
    return new Promise((resolve) => {
      const child = spawn(command, args, {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      });
      if (child.pid) groups.add(child.pid);
      let isLate = false;
      const timer = setTimeout(
        () => {
          isLate = true;
          if (child.pid) endGroup(child.pid);
        },
        Math.max(0, deadline - Date.now()),
      );
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
        groups.delete(child.pid);
        appendFileSync(log, `\n$ ${command} ${args.join(' ')}\n${all}`);
        resolve({ status, out, all, late: isLate });
      });
    });
  }

  /** Runs a program and counts it by `count`; when time was up, as one test that was skipped, by name. */
  async function counted(what, args, count) {
    const outcome = await run(node, args);
    if (outcome.late) {
      process.stdout.write(`${what} is skipped: time was up\n`);
      return late();
    }
    const counts = count(outcome);
    if (counts.failed > 0) process.stdout.write(`${complaints(outcome, what)}\n`);
    return counts;
  }

  /** Runs a script of the project and counts it as one test. */
  const script = (path, ...args) =>
    counted(path, [path, ...args], ({ status }) => (status === 0 ? passed() : failed()));

  /** Runs a script that ends with a line 'N passed, N failed, N skipped'. */
  const summed = (path) =>
    counted(path, ['--enable-source-maps', path], ({ status, out }) => {
      const [, ...numbers] = /^(\d+) passed, (\d+) failed, (\d+) skipped\s*$/m.exec(out.slice(-200)) ?? [];
      const [passes, fails, skipped] = numbers.map(Number);
      if (numbers.length === 0 || (status !== 0 && fails === 0)) return failed();
      return { passed: passes, failed: fails, skipped };
    });

  /** Runs a test file by itself, so that nothing but this one process has to be emulated. */
  const testFile = (file) =>
    counted(file, ['--enable-source-maps', '--test-reporter=spec', file], ({ status, out }) => {
      const count = (key) => Number(new RegExp(`^ℹ ${key} (\\d+)$`, 'm').exec(out)?.[1] ?? 0);
      const fails = count('fail') + count('cancelled');
      return {
        passed: count('pass'),
        failed: status !== 0 && fails === 0 ? 1 : fails,
        skipped: count('skipped'),
      };
    });

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

/** The end of what a failed program printed, or the part where its failed tests are. */
function complaints({ all, status }, what) {
  const at = all.indexOf('failing tests:');
  const why = status === null ? 'ended by a signal' : `exit status ${status}`;
  return `${what}: ${why}\n${(at < 0 ? all.slice(-4000) : all.slice(at)).slice(0, 8000)}`;
}
