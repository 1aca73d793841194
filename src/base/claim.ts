/**
 * A claim says that one process works in a place and others shall not: a file that holds who it is while it is at work.
 *
 * The file comes into being whole (a hard link) and only if there is none, so of two processes one has it. A claim whose
 * process is gone is taken over. A number may come back as another process's, so where the system tells when a process began
 * that counts too. Of a process on another machine the file's time tells: who is at work renews it, so where it stays as it is for
 * long enough, nobody is. (That it changes is looked at, not when it was, since clocks of machines differ.)
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, open, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
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

export interface Rhythm {
  /** Milliseconds after which the file is renewed, again and again; default 10 s. */
  beat?: number;
  /** How long a file of another machine is watched until its process is taken to be gone; default 30 s. */
  patience?: number;
}

/** How long a file may take to be written where hard links are not to be had. */
const SETTLING_MS = 2000;

/**
 * Claims what `path` stands for; the answer gives it back.
 * @throws UserError when another process has it; the file system's own error when the file cannot be written.
 */
export async function claim(
  path: string,
  what: string,
  { beat = 10_000, patience = 30_000 }: Rhythm = {},
): Promise<() => Promise<void>> {
  const { pid } = process;
  const own: Holder = { pid, host: hostname(), born: birthOf(pid), token: randomUUID() };
  const text = JSON.stringify(own);
  while (!(await place(path, own.token, text))) {
    const found = await readFile(path, 'utf8').catch(() => undefined);
    if (found === undefined) continue;
    const holder = holderIn(found);
    if (holder ? await isAtWork(holder, path, patience) : await isFresh(path)) {
      if (holder) refuse(holder, path, what);
      await wait(50);
    } else await takeAway(path, found, own.token);
  }
  held.add(own.token);
  const pulse = setInterval(() => renew(path), beat).unref();
  return async () => {
    clearInterval(pulse);
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

async function isAtWork(
  { pid, host, born, token }: Holder,
  path: string,
  patience: number,
): Promise<boolean> {
  if (host !== hostname()) return isRenewed(path, patience);
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

/** A file that cannot be renewed is as one that nobody holds; the run itself goes on. */
const renew = (path: string): void => {
  const now = new Date();
  utimes(path, now, now).catch(() => {});
};

async function isRenewed(path: string, patience: number): Promise<boolean> {
  const first = await timeOf(path);
  const step = Math.min(1000, patience / 10);
  for (let waited = 0; waited < patience; waited += step) {
    await wait(step);
    if ((await timeOf(path)) !== first) return true;
  }
  return false;
}

/** Read from the opened file: a network's file system may remember an old time until then. */
async function timeOf(path: string): Promise<number | undefined> {
  const file = await open(path).catch(() => undefined);
  try {
    return (await file?.stat())?.mtimeMs;
  } finally {
    await file?.close();
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

/**
 * Whether a process is at work behind the claim at `path`. A claim of another machine counts while its file is younger than
 * `patience` milliseconds, so its clock should agree with this one's.
 */
export async function isClaimed(
  path: string,
  { patience = 30_000 }: Pick<Rhythm, 'patience'> = {},
): Promise<boolean> {
  const holder = holderIn(await readFile(path, 'utf8').catch(() => ''));
  if (!holder) return false;
  if (holder.host === hostname()) return isAtWork(holder, path, patience);
  const time = await timeOf(path);
  return time !== undefined && Date.now() - time < patience;
}
