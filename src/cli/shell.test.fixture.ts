/** For tests: espalier as a person runs it, in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

export interface Outcome {
  status: number | null;
  out: string;
  err: string;
}

/** Told whenever it has said something on standard error, with all of that. */
export type Watch = (child: ChildProcess, err: string) => void;

/** Kills it once it has said what the pattern matches. */
export const killedAt =
  (pattern: RegExp): Watch =>
  (child, err) => {
    if (pattern.test(err)) child.kill('SIGKILL');
  };

const program = fileURLToPath(new URL('./main.js', import.meta.url));

/** A new folder, which goes when the tests of the file are done, and espalier run in it. */
export function shell(name: string) {
  const root = mkdtempSync(join(tmpdir(), `espalier-${name}-`));
  after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));
  return {
    root,
    at: (...names: string[]): string => join(root, ...names),
    espalier: (line: string, watch: Watch = () => {}): Promise<Outcome> =>
      new Promise((resolve) => {
        const child = spawn(process.execPath, [program, ...line.split(' ')], { cwd: root });
        let [out, err] = ['', ''];
        child.stdout.on('data', (text) => {
          out += text;
        });
        child.stderr.on('data', (text) => {
          err += text;
          watch(child, err);
        });
        child.on('close', (status) => resolve({ status, out, err }));
      }),
  };
}
