/** What the page knows, and its talk with the worker. */
import { signal } from '@preact/signals';
import type { EpochMetrics, TrainProgress } from '../../train/index.js';
import type {
  Call,
  Calls,
  Choice,
  Message,
  OpenedData,
  OpenedModel,
  Request,
  Result,
  Start,
} from '../protocol.js';

export const start = signal<Start | undefined>(undefined);
export const model = signal<OpenedModel | undefined>(undefined);
export const data = signal<OpenedData>({
  ...{ kind: 'none', train: 0, test: 0, classes: [], shape: [], labelled: false, notes: [] },
});
export const result = signal<Result | undefined>(undefined);
/** What is under way, for people: 'Pruning'. */
export const busy = signal('');
export const notes = signal<readonly string[]>([]);
export const progress = signal<TrainProgress | undefined>(undefined);
export const epochs = signal<readonly EpochMetrics[]>([]);
/** A sentence about what went wrong, and where. */
export const problem = signal<{ where: string; sentence: string } | undefined>(undefined);
/** The worker has ended by itself. */
export const crashed = signal('');
export const choice = signal<Choice>({
  ...{ data: 'none', method: 'l1-filters', target: 'macs', amount: 0.6 },
  ...{ reconstruct: true, epochs: 2, distil: true },
});

interface Waiting {
  resolve(answer: never): void;
  reject(error: Error): void;
}

let worker: Worker | undefined;
let last = 0;
const waiting = new Map<number, Waiting>();

/** A worker that a page makes of a text has the policy of the page; of a file it would have that of its host's headers, which may be none. */
function startWorker(name: string): Worker {
  const source = `import ${JSON.stringify(new URL('worker.js', location.href).href)};`;
  const address = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  return new Worker(address, { type: 'module', name });
}

/**
 * Notices when a worker is there no more: it holds a lock with its name as long as it is. One that the browser ends, for want of memory for example, says nothing
 * itself.
 */
async function watchOver(own: Worker, name: string): Promise<void> {
  await navigator.locks?.request(name, () => {});
  if (worker === own) end('the browser has ended it');
}

/** Starts a worker, in the place of one that has ended, and asks what there is. */
export async function begin(): Promise<void> {
  worker?.terminate();
  crashed.value = '';
  busy.value = '';
  const name = `espalier-${++last}-${performance.timeOrigin}`;
  worker = startWorker(name);
  worker.onmessage = ({ data: message }: MessageEvent<Message>) => take(message);
  worker.onerror = ({ message }) => end(message || 'its script could not be loaded');
  const own = worker;
  start.value = await ask('start', undefined);
  void watchOver(own, name);
}

/** Ends the worker, as a crash does. */
export function end(why: string): void {
  worker?.terminate();
  worker = undefined;
  crashed.value = why;
  busy.value = '';
  progress.value = undefined;
  for (const { reject } of waiting.values()) reject(new Error(`The worker has ended: ${why}.`));
  waiting.clear();
}

/** What the worker answers. Rejects with its sentence. */
export function ask<C extends Call>(call: C, given: Calls[C][0]): Promise<Calls[C][1]> {
  const id = ++last;
  const request: Request<C> = { id, call, given };
  return new Promise((resolve, reject) => {
    if (!worker) return reject(new Error('The worker has ended: start another one with Go on.'));
    waiting.set(id, { resolve, reject });
    worker.postMessage(request);
  });
}

function take(message: Message): void {
  if ('id' in message) {
    const { resolve, reject } = waiting.get(message.id) ?? {};
    waiting.delete(message.id);
    if ('refusal' in message) reject?.(new Error(message.refusal));
    else resolve?.(message.answer as never);
    return;
  }
  switch (message.news) {
    case 'note':
      notes.value = [...notes.value, message.sentence];
      return;
    case 'step':
      progress.value = message.progress;
      return;
    case 'epoch':
      epochs.value = [...epochs.value, message.metrics];
      return;
    default:
      message satisfies never;
  }
}

/** Does something that takes a while: one at a time, with its refusal shown at `where`. */
export async function during<T>(what: string, where: string, work: () => Promise<T>): Promise<T | undefined> {
  if (busy.value) return undefined;
  busy.value = what;
  problem.value = undefined;
  try {
    return await work();
  } catch (error) {
    problem.value = { where, sentence: (error as Error).message };
    return undefined;
  } finally {
    busy.value = '';
    progress.value = undefined;
  }
}
