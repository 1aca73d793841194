/**
 * A claim says that one process works in a folder and others shall not: a file in it that holds who it is while it is at work.
 *
 * The file comes into being whole (a hard link) and only if there is none, so of two processes one has it. What it is owned by is the token in
 * it: a process that has lost it, because its machine stood still for long, say, finds another token there and writes nothing more
 * into the folder (keepers.ts). A claim whose process is gone is taken over. A number may come back as another process's, so where the system tells when
 * a process began that counts too. Of a process on another machine, or in another container of this one, the file's age tells: who is
 * at work renews it. Ages are differences of times that the file system itself has given, since clocks of machines differ.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { link, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fail, UserError } from './errors.js';
import { keep } from './keepers.js';

/** Who holds a claim. */
export interface Holder {
  pid: number;
  /** For people. */
  host: string;
  /** Where process numbers mean what they mean here. Claims of earlier versions have none: then the host counts. */
  machine?: string;
  /** When the process began, as its system counts; absent where it does not tell. */
  born?: string;
  token: string;
}

/** The claim was lost to another process. */
export class LostClaim extends UserError {}

/** Another process has the claim. */
export class Claimed extends UserError {}

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
  const { holder, leave } = introduce();
  const { token } = holder;
  const text = JSON.stringify(holder);
  await placeOwn(path, text, { token, what, patience }).catch((error) => {
    leave();
    throw error;
  });
  const pulse = setInterval(() => renew(path, text), beat);
  // In a page it is a number, and keeps nothing alive.
  pulse.unref?.();
  const letGo = keep(dirname(path), {
    mark: token,
    async beforeWrite() {
      if (!(await isOf(token, path)))
        fail(`Another process has taken over ${what}, so this one leaves it alone.`, LostClaim);
    },
  });
  return async () => {
    clearInterval(pulse);
    letGo();
    leave();
    await removeOwn(path, token);
  };
}

const isOf = async (token: string, path: string): Promise<boolean> => (await holderOf(path))?.token === token;

async function removeOwn(path: string, token: string): Promise<void> {
  if (await isOf(token, path)) await rm(path, { force: true });
}

interface Placing {
  token: string;
  /** What is claimed, for people. */
  what: string;
  patience: number;
}

/** Puts the file of this process there, or in place of one whose process is gone. */
async function placeOwn(path: string, text: string, { token, what, patience }: Placing): Promise<void> {
  while (!(await place(path, token, text))) {
    const found = await readFile(path, 'utf8').catch(() => undefined);
    if (found === undefined) continue;
    const holder = holderIn(found);
    if (holder ? await isAtWork(holder, path, token, patience) : await isFresh(path)) {
      if (holder) refuse(holder, path, what);
      await wait(50);
    } else if (await takeOver(path, found, text, { token, what, patience })) return;
  }
}

/**
 * Puts the file of this process in place of one whose process is gone, unless it has become another's in the meantime: then the answer is
 * false. Who does it holds a claim to doing it, so that no two do it at once, and the file is never away while it is replaced.
 */
async function takeOver(path: string, found: string, text: string, options: Placing): Promise<boolean> {
  const turn = `${path}.turn`;
  await placeOwn(turn, text, options);
  try {
    if ((await readFile(path, 'utf8').catch(() => undefined)) !== found) return false;
    const partial = `${path}.partial-${options.token}`;
    await writeFile(partial, text);
    await rename(partial, path);
    return true;
  } finally {
    await removeOwn(turn, options.token);
  }
}

/** This process as the holder of one more claim, until it leaves it. */
export function introduce(): { holder: Holder; leave(): void } {
  const { pid } = process;
  const token = randomUUID();
  held.add(token);
  return {
    holder: { pid, host: hostname(), machine: thisMachine(), born: birthOf(pid), token },
    leave: () => void held.delete(token),
  };
}

/** Whether a holder is a process of this machine that has ended, or has left its claim. */
export const isGone = (holder: Holder): boolean => isHere(holder) && !isAliveHere(holder);

function refuse(holder: Holder, path: string, what: string): never {
  const { pid, host } = holder;
  const here = isHere(holder);
  const others = here ? '' : ` on ${host}`;
  return fail(
    `Process ${pid}${others} is working on ${what}; wait for it, or delete ${path} if ${here ? 'it is something else' : 'it is gone'}.`,
    Claimed,
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

/** Whether the holder's number is that of a process of this machine. */
export const isHere = ({ host, machine }: Holder): boolean =>
  machine === undefined ? host === hostname() : machine === thisMachine();

/** The system since its last start, and the container, within which process numbers are given; the host's name where neither can be told. */
function thisMachine(): string {
  try {
    const start = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${start} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

async function isAtWork(holder: Holder, path: string, token: string, patience: number): Promise<boolean> {
  if (isHere(holder)) return isAliveHere(holder);
  return isRenewed(path, `${path}.partial-${token}`, patience);
}

const isAliveHere = ({ pid, born, token }: Holder): boolean =>
  pid === process.pid ? held.has(token) : isAlive(pid) && (born === undefined || birthOf(pid) === born);

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

/**
 * Writes the file again as it is, so that it is as young as the file system says. One that is another's by now is left alone; one that
 * cannot be renewed is as one that nobody holds, and the run itself goes on.
 */
async function renew(path: string, text: string): Promise<void> {
  const file = await open(path, 'r+').catch(() => undefined);
  try {
    if ((await file?.readFile('utf8')) === text) await file?.write(text, 0);
  } catch {
    // The next beat tries again.
  } finally {
    await file?.close().catch(() => {});
  }
}

/** Waits until the file is renewed, or is older than `patience` milliseconds, by the time of a file that is written beside it. */
async function isRenewed(path: string, beside: string, patience: number): Promise<boolean> {
  const first = await timeOf(path);
  try {
    for (;;) {
      const now = await timeOf(path);
      if (now === undefined || first === undefined || now !== first) return now !== undefined;
      await writeFile(beside, '');
      if (((await timeOf(beside)) ?? 0) - now >= patience) return false;
      await wait(Math.min(1000, patience / 10));
    }
  } finally {
    await rm(beside, { force: true });
  }
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

/** Who holds the claim at `path`, at work or not; undefined where there is none. */
export const holderOf = async (path: string): Promise<Holder | undefined> =>
  holderIn(await readFile(path, 'utf8').catch(() => ''));

/**
 * Whether a process is at work behind the claim at `path`, told at once and without writing anything: a claim of another machine counts
 * while its file is younger than `patience` milliseconds by this machine's clock.
 */
export async function isClaimed(
  path: string,
  { patience = 30_000 }: Pick<Rhythm, 'patience'> = {},
): Promise<boolean> {
  const holder = await holderOf(path);
  if (!holder) return false;
  if (isHere(holder)) return isAliveHere(holder);
  const time = await timeOf(path);
  return time !== undefined && Date.now() - time < patience;
}
