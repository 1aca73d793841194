/**
 * A run in a store belongs to one process at a time: whoever has written itself into its manifest.
 *
 * The manifest is only written over the content that was read last, so of two writers one fails; it finds another holder there, and has lost
 * the run. Who is at work writes it again every so often. Of a process on another machine the object's age tells whether it is gone, by the
 * clock of the store alone.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { Claimed, fail, type Holder, introduce, isGone, isHere, LostClaim } from '../../../base/index.js';
import {
  type Manifest,
  manifestIn,
  manifestKey,
  type Store,
  type StoredObject,
  type StoredPlace,
  textOf,
} from './types.js';

export interface Lease {
  readonly token: string;
  /** What the store has of the run. */
  readonly files: Manifest['files'];
  /** Puts other files in their place. @throws LostClaim */
  commit(files: Manifest['files']): Promise<void>;
  /** Throws where the run was lost to another process, or the store refuses to go on. */
  check(): void;
  /** Has `check` throw this from now on. */
  stop(problem: Error): void;
  /** Says that nobody is at work any more, where the run is still ours. */
  release(): Promise<void>;
}

export interface LeaseOptions {
  /** Milliseconds after which the manifest is written again; default 10 s. */
  beat?: number;
  /** The age from which on its holder is taken to be gone; default 30 s. */
  patience?: number;
  /** Called once when the run is lost, or the store refuses to go on. */
  onLost?: () => void;
  /** Stops waiting for another holder. */
  signal?: AbortSignal;
}

/** @throws Claimed when another process is at work on the run; UserError when the store refuses. */
export async function leaseRun(
  store: Store,
  place: StoredPlace,
  { beat = 10_000, patience = 30_000, onLost = () => {}, signal }: LeaseOptions = {},
): Promise<Lease> {
  const key = manifestKey(place);
  const { holder, leave } = introduce();
  const own = (manifest: Manifest, count: number): Manifest => ({
    files: manifest.files,
    holder: { ...holder, beat: count },
  });
  let { manifest, etag } = await take().catch((error) => {
    leave();
    throw error;
  });
  let problem: Error | undefined;
  let last: Promise<void> = Promise.resolve();

  async function take(): Promise<{ manifest: Manifest; etag: string }> {
    for (;;) {
      const found = await nobodys(store, place, patience, signal);
      const mine = own(found ? manifestIn(found) : { files: {} }, 0);
      const written = await put(store, key, textOf(mine), found ? { etag: found.etag } : 'absent');
      if (written !== undefined) return { manifest: mine, etag: written };
    }
  }

  const stop = (error: Error) => {
    if (!problem) onLost();
    problem ??= error;
  };
  const check = () => {
    if (problem) throw problem;
  };
  /** One after the other: each is written over the one before. */
  const write = (changed: (manifest: Manifest) => Manifest): Promise<void> => {
    const turn = last.then(async () => {
      check();
      const next = changed(manifest);
      const written = await put(store, key, textOf(next), { etag });
      if (written === undefined)
        return fail('Another process has taken over this run, so this one leaves it alone.', LostClaim);
      [manifest, etag] = [next, written];
    });
    last = turn.catch(stop);
    return turn;
  };
  const pulse = setInterval(() => {
    write((now) => own(now, (now.holder?.beat ?? 0) + 1)).catch(() => {});
  }, beat);
  pulse.unref();
  return {
    token: holder.token,
    get files() {
      return manifest.files;
    },
    commit: (files) => write((now) => own({ files }, (now.holder?.beat ?? 0) + 1)),
    check,
    stop,
    async release() {
      clearInterval(pulse);
      await last;
      if (!problem) await write(({ files }) => ({ files }));
      leave();
    },
  };
}

/** Writes under a condition. An answer that was lost does not count as a condition that did not hold: what stands there is what was written. */
async function put(
  store: Store,
  key: string,
  bytes: Uint8Array,
  condition: 'absent' | { etag: string },
): Promise<string | undefined> {
  const written = await store.write(key, bytes, condition);
  if (written !== undefined) return written;
  const there = await store.read(key);
  return there && Buffer.from(there.bytes).equals(bytes) ? there.etag : undefined;
}

/** The manifest once nobody is at work, or undefined where there is none yet. @throws Claimed */
async function nobodys(
  store: Store,
  place: StoredPlace,
  patience: number,
  signal?: AbortSignal,
): Promise<StoredObject | undefined> {
  let seen: string | undefined;
  for (;;) {
    const found = await store.read(manifestKey(place));
    const { holder } = found ? manifestIn(found) : {};
    if (!found || !holder || isGone(holder) || found.age >= patience) return found;
    seen ??= found.etag;
    if (isHere(holder) || found.etag !== seen || signal?.aborted) refuse(holder, place);
    await wait(Math.min(1000, patience / 10));
  }
}

const refuse = ({ pid, host }: Holder, { url, study, run }: StoredPlace): never =>
  fail(`Process ${pid} on ${host} is working on ${run} of ${study} in ${url}; wait for it.`, Claimed);
