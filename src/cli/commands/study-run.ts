/**
 * One run of a study, in a process of its own: sent an order, it carries the run out and tells how it goes. It ends with
 * the process that started it, at once, which leaves a folder that can be resumed.
 */
import { UserError } from '../../base/index.js';
import { writeReport } from '../../report/index.js';
import {
  carryOutStored,
  isTaken,
  type LastWord,
  type Order,
  type ProcessMessage,
  resumeRun,
  startRun,
} from '../../runs/index.js';
import type { EpochMetrics } from '../../train/index.js';

/** Of the run, and of the process. */
const [stop, leave] = [new AbortController(), new AbortController()];
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.on(name, () => {
    leave.abort();
    stop.abort();
  });
process.on('disconnect', () => process.exit(1));
process.once('message', async (order: Order) => {
  tell(await answerTo(order));
});

function tell(word: ProcessMessage): void {
  if (word.kind === 'epoch') process.send?.(word);
  else process.send?.(word, () => process.exit(0));
}

async function answerTo(order: Order): Promise<LastWord> {
  const { storage } = order;
  const carry = (resume: boolean) => carryOut({ ...order, resume });
  try {
    if (!storage) return await carry(order.resume);
    const { signal } = leave;
    return await carryOutStored({ ...order, storage }, carry, { signal, onLost: () => stop.abort() });
  } catch (error) {
    const { name, message } = error as Error;
    if (isTaken(error)) return { kind: 'taken', sentence: message };
    const [line] = message.split('\n');
    return {
      kind: 'failed',
      sentence: error instanceof UserError ? message : `This is a defect of espalier: ${name}: ${line}.`,
    };
  }
}

async function carryOut({ recipe, path, resume, threads, engine, until }: Order): Promise<LastWord> {
  let isPaused = false;
  const watch = {
    signal: stop.signal,
    onEpoch(metrics: EpochMetrics) {
      tell({ kind: 'epoch', metrics });
      isPaused ||= metrics.epoch === until;
      if (isPaused) stop.abort();
    },
  };
  const { folder, summary } = resume
    ? await resumeRun(path, { ...watch, threads, engine, log: recipe.log })
    : await startRun({ ...recipe, threads, engine }, path, watch);
  if (!summary && isPaused) return { kind: 'paused' };
  if (!summary) return { kind: 'failed', sentence: 'The run was stopped.' };
  await writeReport(folder);
  return { kind: 'finished' };
}
