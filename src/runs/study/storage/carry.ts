/** A run whose folder is kept in a store: fetched before it begins or goes on, and copied there as it changes. */
import { mkdir } from 'node:fs/promises';
import { Claimed, LostClaim } from '../../../base/index.js';
import { claimRun, runFolder } from '../../folder.js';
import { hasComeTo } from '../jobs.js';
import type { LastWord, Order } from '../process.js';
import { findRun } from '../study.js';
import { fetchRun } from './fetch.js';
import { leaseRun } from './lease.js';
import { mirror } from './mirror.js';
import { openS3 } from './s3.js';
import type { StoredPlace } from './types.js';

export interface StoredRunOptions {
  /** Ends the waiting for a store that is away. */
  signal: AbortSignal;
  /** The run is another's by now, or the store refuses to go on: it is to be stopped. */
  onLost: () => void;
}

/** Milliseconds for which a process that is told to stop waits for a store that is away. */
const LEAVING_MS = 10_000;

/**
 * Carries out an order whose run is kept in a store.
 * @param carryOut carries out what is left of it: from the beginning, or from what is in the folder.
 * @throws UserError when the store refuses; {@link Claimed} and {@link LostClaim} where the run is another's.
 */
export async function carryOutStored(
  order: Order & { storage: StoredPlace },
  carryOut: (resume: boolean) => Promise<LastWord>,
  { signal, onLost }: StoredRunOptions,
): Promise<LastWord> {
  const { storage: place, path, recipe, until } = order;
  const store = await openS3(place.url, {
    patience: () => (signal.aborted ? LEAVING_MS : Number.POSITIVE_INFINITY),
  });
  const lease = await leaseRun(store, place, { onLost, signal });
  try {
    await mkdir(path, { recursive: true });
    const free = await claimRun(runFolder(path), path);
    await fetchRun(store, place, path, { files: lease.files }).finally(free);
    const cell = { at: { run: place.run }, settings: {} };
    const found = await findRun({ path, recipe, cell, seed: recipe.seed });
    if (found === 'finished') return { kind: 'finished' };
    if (found === 'begun' && (await hasComeTo({ path }, until))) return { kind: 'paused' };
    const copy = mirror(store, lease, place, path);
    try {
      return await carryOut(found === 'begun');
    } finally {
      await copy.end();
    }
  } finally {
    await lease.release();
  }
}

/** Whether an error says that the run is another's. */
export const isTaken = (error: unknown): boolean => error instanceof Claimed || error instanceof LostClaim;
