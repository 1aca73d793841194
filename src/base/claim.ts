/**
 * A claim says that one process works in a place and others shall not: a file that holds who it is while it is at work.
 *
 * The file comes into being whole (a hard link) and only if there is none, so of two processes one has it. A claim whose
 * process is gone is taken over. A number may come back as another process's, so where the system tells when a process began
 * that counts too. Of a process on another machine nothing can be known but what the file says.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { fail } from './errors.js';

interface Holder {
  pid: number;
  host: string;
  /** When the process began, as its system counts; absent where it does not tell. */
  born?: string;
  token: string;
}

/** Of this process. */
const held = new Set<string>();

/** How long a file may take to be written where hard links are not to be had. */
const SETTLING_MS = 2000;

/**
 * Claims what `path` stands for; the answer gives it back.
 * @throws UserError when another process has it; the file system's own error when the file cannot be written.
 */
export async function claim(path: string, what: string): Promise<() => Promise<void>> {
  const { pid } = process;
  const own: Holder = { pid, host: hostname(), born: birthOf(pid), token: randomUUID() };
  const text = JSON.stringify(own);
  while (!(await place(path, own.token, text))) {
    const found = await readFile(path, 'utf8').catch(() => undefined);
    if (found === undefined) continue;
    const holder = holderIn(found);
    if (holder ? isAtWork(holder) : await isFresh(path)) {
      if (holder) refuse(holder, path, what);
      await wait(50);
    } else await takeAway(path, found, own.token);
  }
  held.add(own.token);
  return async () => {
    held.delete(own.token);
    const now = await readFile(path, 'utf8').catch(() => '');
    if (holderIn(now)?.token === own.token) await rm(path, { force: true });
  };
}

function refuse({ pid, host }: Holder, path: string, what: string): never {
  const here = host === hostname();
  const others = here ? '' : ` on ${host}`;
  return fail(
    `Process ${pid}${others} is at work on ${what}; wait for it, or delete ${path} if ${here ? 'it is something else' : 'it is gone'}.`,
  );
}

/** Puts the file there, whole; false where there is one. */
async function place(path: string, token: string, text: string): Promise<boolean> {
  const partial = `${path}.partial-${token}`;
  const occupied = ({ code }: NodeJS.ErrnoException) => code === 'EEXIST';
  try {
    await writeFile(partial, text);
    await link(partial, path);
    return true;
  } catch (error) {
    if (occupied(error as NodeJS.ErrnoException)) return false;
    if (!['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw error;
    return await writeFile(path, text, { flag: 'wx' }).then(
      () => true,
      (failure) => {
        if (occupied(failure)) return false;
        throw failure;
      },
    );
  } finally {
    await rm(partial, { force: true });
  }
}

function holderIn(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text);
    return typeof holder?.pid === 'number' && typeof holder.token === 'string' ? holder : undefined;
  } catch {
    return undefined;
  }
}

function isAtWork({ pid, host, born, token }: Holder): boolean {
  if (host !== hostname()) return true;
  if (pid === process.pid) return held.has(token);
  return isAlive(pid) && (born === undefined || birthOf(pid) === born);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Field 22 of Linux's /proc/PID/stat: clock ticks from the system's start to the process's. */
function birthOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

const isFresh = (path: string): Promise<boolean> =>
  stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs < SETTLING_MS,
    () => false,
  );

/** Takes the file of a process that is gone away. If it has become another's in the meantime, that one gets it back. */
async function takeAway(path: string, found: string, token: string): Promise<void> {
  const aside = `${path}.partial-${token}`;
  try {
    await rename(path, aside);
    if ((await readFile(aside, 'utf8')) !== found) await link(aside, path);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await rm(aside, { force: true });
  }
}
