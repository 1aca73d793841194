/**
 * For tests: espalier as a person runs it, in a folder of its own. Commands that nobody watches run one after another in one
 * process, which saves starting one for each. As a program (`node shell.test.fixture.js`) this file is that process.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { command } from './frame.js';
import { runProgram } from './program.js';

export interface Outcome {
  status: number | null;
  out: string;
  err: string;
}

/** Called with all that the process has written to standard error, whenever it has written more. */
export type Watch = (child: ChildProcess, err: string) => void;

/** Kills the process once its standard error matches the pattern. */
export const killedAt =
  (pattern: RegExp): Watch =>
  (child, err) => {
    if (pattern.test(err)) child.kill('SIGKILL');
  };

const main = fileURLToPath(new URL('./main.js', import.meta.url));
const itself = fileURLToPath(import.meta.url);

/** A new folder, removed after the tests of the file, and a way to run espalier in it: watched, or in a process of its own. */
export function shell(name: string) {
  const root = mkdtempSync(join(tmpdir(), `espalier-${name}-`));
  let server: ReturnType<typeof openServer> | undefined;
  after(async () => {
    await server?.close();
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  });

  /** Runs the program itself, in a process of its own. */
  const alone = (line: string, watch: Watch = () => {}): Promise<Outcome> =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, [main, ...line.split(' ')], { cwd: root });
      let [out, err] = ['', ''];
      child.stdout.on('data', (text) => {
        out += text;
      });
      child.stderr.on('data', (text) => {
        err += text;
        watch(child, err);
      });
      child.on('close', (status) => resolve({ status, out, err }));
    });

  return {
    root,
    at: (...names: string[]): string => join(root, ...names),
    alone,
    espalier: (line: string, watch?: Watch): Promise<Outcome> => {
      if (watch) return alone(line, watch);
      server ??= openServer(root);
      return server.run({ line });
    },
    /** Presses Ctrl-C once standard error matches the pattern. */
    stopped: (line: string, pattern: RegExp): Promise<Outcome> => {
      server ??= openServer(root);
      return server.run({ line, stopAt: pattern });
    },
  };
}

interface Order {
  line: string;
  stopAt?: RegExp;
}

/** Starts the process that runs commands, in `folder`. */
function openServer(folder: string) {
  const child = fork(itself, [], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
  let last: Promise<unknown> = Promise.resolve();
  const ask = (order: Order): Promise<Outcome> =>
    new Promise((resolve, reject) => {
      const died = () => reject(new Error(`the process that ran "${order.line}" died of it`));
      child.once('exit', died);
      child.once('message', (outcome) => {
        child.off('exit', died);
        resolve(outcome as Outcome);
      });
      child.send(order);
    });
  return {
    run(order: Order): Promise<Outcome> {
      const outcome = last.then(() => ask(order));
      last = outcome.catch(() => {});
      return outcome;
    },
    async close(): Promise<void> {
      await last;
      if (child.connected) child.disconnect();
    },
  };
}

/** Runs a command in this process and returns what it wrote. */
async function runHere({ line, stopAt }: Order): Promise<Outcome> {
  const written = { stdout: '', stderr: '' };
  let stopping = false;
  for (const name of ['stdout', 'stderr'] as const)
    process[name].write = (text: string | Uint8Array) => {
      written[name] += text;
      if (!stopping && stopAt?.test(written.stderr)) {
        stopping = true;
        process.emit('SIGINT');
      }
      return true;
    };
  const status = await command(async (signal) => {
    await runProgram(line.split(' '), signal);
  });
  for (const name of ['SIGINT', 'SIGTERM']) process.removeAllListeners(name);
  return { status, out: written.stdout, err: written.stderr };
}

if (process.argv[1] === itself) {
  // Every command listens for closed pipes.
  for (const stream of [process.stdout, process.stderr]) stream.setMaxListeners(0);
  process.on('message', async (order: Order) => process.send!(await runHere(order)));
  // Where a command leaves something open, it must not keep the tests from ending.
  process.on('disconnect', () => process.exit());
}
