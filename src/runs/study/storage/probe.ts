/** Whether a store can be trusted with runs: it must be there, and heed conditions. */
import { randomUUID } from 'node:crypto';
import { fail } from '../../../base/index.js';
import { openS3, type StoreOptions } from './s3.js';
import { type Store, textOf } from './types.js';

/** Opens every store once, and again where it could not be opened. */
export function provenStores(): (url: string) => Promise<Store> {
  const known = new Map<string, Promise<Store>>();
  return (url) => {
    const store = known.get(url) ?? openStore(url);
    known.set(url, store);
    store.catch(() => known.delete(url));
    return store;
  };
}

/**
 * Opens a store, and tries what ownership of runs rests on.
 * @throws UserError where it does not answer, refuses, or writes in spite of a condition that does not hold.
 */
export async function openStore(url: string, options: StoreOptions = {}): Promise<Store> {
  const store = await openS3(url, options);
  const key = `.espalier-probe-${randomUUID()}`;
  const [first, second] = [1, 2].map(textOf);
  const etag = await store.write(key, first, 'absent');
  try {
    const heeds =
      etag !== undefined &&
      (await store.write(key, second, 'absent')) === undefined &&
      (await store.write(key, second, { etag })) !== undefined &&
      (await store.write(key, first, { etag })) === undefined;
    if (!heeds)
      fail(
        `The storage ${url} writes in spite of If-None-Match or If-Match, so that two workers could take the same run: use a store that heeds them, such as AWS S3, MinIO, R2 or Ceph.`,
      );
  } finally {
    await store.remove(key);
  }
  return store;
}
