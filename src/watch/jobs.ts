/** Runs that are started, stopped and resumed from the page: each a process of the command line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fail, holderOf, isHere } from '../base/index.js';
import { runFolder } from '../runs/index.js';
import type { Root } from './runs.js';

export interface Jobs {
  /** Starts a run with a recipe in a new folder, and gives its id. @throws UserError when the folder is there or its name is not one. */
  start(name: string, recipe: object): Promise<string>;
  resume(id: string): void;
  /** Asks a run to stop after its current step. @throws UserError when its process is on another machine, or gone. */
  stop(id: string): Promise<void>;
  /** Ends the processes that were started here, which can be resumed. */
  close(): void;
}

/** Names that are fit for folders on every system, one or several below each other. */
const ID = /^(?!.*(^|\/)\.)[\w.+-]+(\/[\w.+-]+)*$/;

/** How many last lines of what a process printed are kept. */
const KEPT = 4000;

export interface JobOptions {
  /** Where new runs go; its name stands before their ids, where it has one. */
  root: Root;
  /** The module of the command line. */
  main: string;
  /** The folder of a run that is known. */
  pathOf(id: string): string;
  /** Filled with why runs failed that were started here, by id. */
  failures: Map<string, string>;
}

export function openJobs({ root, main, pathOf, failures }: JobOptions): Jobs {
  const children = new Map<string, ChildProcess>();

  /** Starts a process; the promise resolves when it has ended. */
  function run(id: string, args: readonly string[]): Promise<void> {
    failures.delete(id);
    const child = spawn(process.execPath, [main, ...args, '--quiet'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-KEPT);
    });
    children.set(id, child);
    return new Promise((resolve) =>
      child.on('close', (status) => {
        children.delete(id);
        const sentence = said
          .trim()
          .split('\n')
          .at(-1)
          ?.replace(/^espalier: /, '');
        if (status === 1) failures.set(id, sentence || 'It ended without saying why.');
        resolve();
      }),
    );
  }

  return {
    async start(name, recipe) {
      const path = join(root.path, name);
      if (!ID.test(name))
        fail(`'${name}' is not a name for a folder: use letters, digits, '.', '-', '_' and '/'.`);
      if (existsSync(path)) fail(`There is a folder ${name} already: give the run another name.`);
      const command = (recipe as { command?: string }).command;
      if (command !== 'train' && command !== 'prune') fail("The recipe's command must be train or prune.");
      const scratch = await mkdtemp(join(tmpdir(), 'espalier-watch-'));
      const file = join(scratch, 'recipe.json');
      await writeFile(file, JSON.stringify(recipe));
      await mkdir(dirname(path), { recursive: true });
      const id = root.name ? `${root.name}/${name}` : name;
      const args = [command as string, '--recipe', file, '--out', path];
      const ended = run(id, args).then(() => rm(scratch, { recursive: true, force: true }));
      await Promise.race([ended, exists(runFolder(path).recipe, () => children.has(id))]);
      const failure = failures.get(id);
      return failure && !existsSync(path) ? fail(failure) : id;
    },
    resume: (id) => void run(id, ['resume', pathOf(id)]),
    async stop(id) {
      const child = children.get(id);
      if (child) return void child.kill('SIGINT');
      const holder = await holderOf(runFolder(pathOf(id)).lock);
      if (!holder) return fail(`No process is working on ${id}.`);
      if (!isHere(holder)) return fail(`${id} runs on ${holder.host}: stop it there, with Ctrl-C.`);
      process.kill(holder.pid, 'SIGINT');
    },
    close() {
      for (const child of children.values()) child.kill('SIGINT');
    },
  };
}

/** Resolves when there is a file, or nobody is left to write it. */
async function exists(path: string, isAwaited: () => boolean): Promise<void> {
  while (!existsSync(path) && isAwaited()) await wait(100);
}
