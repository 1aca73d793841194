/** Queues of BullMQ, on a Redis or a PostgreSQL server. Its packages are optional, and imported on use. */
import { setTimeout as wait } from 'node:timers/promises';
import { fail, importOptional } from '../../../base/index.js';
import type { Hand, Outcome, QueuedRun, RunQueue } from './types.js';

type Bull = typeof import('bullmq');

/** A queue of espalier's own on the server. */
const NAME = 'espalier';
/** A worker that is not heard of for so long has lost its runs; others look for them every so often. */
const [LOCK_MS, LOOK_MS] = [4000, 1000];
/** How long a server may take to answer at first, be it silent or after it was not there; and how long a connection may take to close. */
const [PATIENCE_MS, AT_FIRST_MS, CLOSING_MS] = [10_000, 1000, 3000];

/** `postgres:` and `redis:`, or undefined for addresses of something else. */
export const isServer = (url: string): boolean => /^(rediss?|postgres(ql)?):\/\//.test(url);

/** Without user and password. */
export const shownAddress = (url: string): string => url.replace(/\/\/[^/@]*@/, '//');

/** @throws UserError when a package is not installed, or the server does not answer. */
export async function openBull(url: string): Promise<RunQueue> {
  const parts = await partsFor(url);
  const opened: { close(): Promise<void> }[] = [];
  let problem = '';
  const settled = <
    T extends { on(event: 'error', listener: (error: Error) => void): unknown; close(): Promise<void> },
  >(
    part: T,
  ): T => {
    // A server that is away is waited for; without a listener its errors would end the process.
    part.on('error', (error) => {
      problem = error.message || (error as NodeJS.ErrnoException).code || '';
    });
    opened.push(part);
    return part;
  };
  const close = () =>
    Promise.race([Promise.allSettled(opened.map((part) => part.close())), wait(CLOSING_MS)]);
  const queue = settled(parts.queue());
  const refused = new Promise<boolean>((resolve) => {
    queue.on('error', () => setTimeout(() => resolve(false), AT_FIRST_MS));
  });
  const ready = await Promise.race([
    queue.waitUntilReady().then(
      () => true,
      (error: Error) => {
        problem = error.message || problem;
        return false;
      },
    ),
    refused,
    wait(PATIENCE_MS, false, { ref: false }),
  ]);
  if (!ready) {
    await close();
    fail(
      `There is no answer from the queue ${shownAddress(url)}${problem && ` (${problem.split('\n')[0]})`}: check its address, and that it runs.`,
    );
  }
  return {
    async add(runs, { first } = { first: false }) {
      for (let i = 0; i < runs.length; i += 1000)
        await queue.addBulk(
          runs.slice(i, i + 1000).map(({ id, run }) => ({
            name: run.run,
            data: run,
            opts: { jobId: id, lifo: first, ...FORGET },
          })),
        );
    },
    async count() {
      const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized');
      return Object.values(counts).reduce((sum, count) => sum + count, 0);
    },
    async listen(listener) {
      const events = settled(parts.events());
      events.on('active', ({ jobId }) => listener({ id: jobId, kind: 'started' }));
      events.on('progress', ({ jobId, data }) =>
        listener({ id: jobId, kind: 'epoch', metrics: data as never }),
      );
      events.on('completed', ({ jobId, returnvalue }) =>
        listener({ id: jobId, ...(returnvalue as unknown as Outcome) }),
      );
      await events.waitUntilReady();
    },
    async work(hand, { jobs, signal }) {
      const worker = settled(parts.worker(hand, jobs));
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => resolve());
      });
      // Its runs have been told to stop by the same signal; they are put back, where the server is there.
      await worker.close();
    },
    close: async () => void (await close()),
  };
}

/** The folders say what has been carried out: the server need not remember. */
const FORGET = { removeOnComplete: true, removeOnFail: true };

/** Makers of BullMQ's classes for a server. */
async function partsFor(url: string) {
  const isRedis = url.startsWith('redis');
  const driver = isRedis ? 'ioredis' : 'pg';
  const what = `A queue on ${isRedis ? 'Redis' : 'PostgreSQL'}`;
  const bull = await importOptional('bullmq', () => import('bullmq'), what);
  await importOptional(driver, () => import(driver), what);
  const classes: unknown = isRedis ? bull : bull.withBackend(bull.createPostgresBackend);
  const { Queue, QueueEvents, Worker } = classes as Bull;
  const connection = isRedis ? { url, maxRetriesPerRequest: null } : { connectionString: url, migrate: true };
  const options = { connection: connection as never };
  return {
    queue: () => new Queue<QueuedRun, Outcome>(NAME, options),
    events: () => new QueueEvents(NAME, options),
    worker: (hand: Hand, jobs: number) =>
      new Worker<QueuedRun, Outcome>(NAME, processorFor(bull, hand), {
        ...options,
        concurrency: jobs,
        lockDuration: LOCK_MS,
        stalledInterval: LOOK_MS,
        // A run may lose its worker as often as it likes.
        maxStalledCount: 1_000_000,
      }),
  };
}

function processorFor({ DelayedError }: Bull, hand: Hand) {
  return async (job: import('bullmq').Job<QueuedRun, Outcome>, token?: string): Promise<Outcome> => {
    const outcome = await hand(job.data, (metrics) => {
      job.updateProgress({ ...metrics }).catch(() => {}); // the server may be away
    });
    if (outcome.kind !== 'later') return outcome;
    await Promise.race([
      job.moveToDelayed(Date.now() + outcome.after, token),
      wait(CLOSING_MS, undefined, { ref: false }),
    ]);
    throw new DelayedError();
  };
}
