/** worker: carries out the runs of studies that wait on a queue. */
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { fail } from '../../base/index.js';
import { isServer, openQueue, readTask, shownAddress, work, workOnTask } from '../../runs/index.js';
import { define } from '../define.js';
import { Stopped } from '../face.js';
import { studyRun } from './study-run-path.js';

export function addWorker(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'worker',
    argument: '[URL]',
    about: 'address of the queue, as studies were given it with --queue',
    recipes: false,
    examples: ['worker redis://queue.example', 'worker redis://queue.example --jobs 2 --dir /mnt/studies'],
    async run({ given, argument: [url] }, face) {
      if (!url) return fail('The queue is missing: name its address, as in espalier worker redis://HOST.');
      const { jobs = 1, dir, task, engine } = given;
      const { threads = Math.max(1, Math.floor(availableParallelism() / jobs)) } = given;
      const { signal, note: onNote } = face;
      const how = { worker: studyRun, threads, engine, dir, signal, onNote };
      if (task !== undefined) {
        await workOnTask(await readTask(url, task), how);
        if (signal.aborted) throw new Stopped('Stopped; submit the job again to go on.');
        return;
      }
      if (!isServer(url)) return fail(`${url} is not the address of a queue: give redis://… or postgres://…`);
      const queue = await openQueue(url);
      face.note(
        `Waiting for runs on ${shownAddress(url)}; press Ctrl-C to stop the worker; it puts unfinished runs back on the queue.`,
      );
      await work({ queue, jobs, ...how }).finally(queue.close);
      throw new Stopped('Stopped; what was at work goes on elsewhere, or when a worker is there again.');
    },
  });
}
