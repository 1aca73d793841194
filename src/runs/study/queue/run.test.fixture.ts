/**
 * For tests: stands for a process that carries out a run, without training anything. The run's `epochs` say how it ends: 7 fails, 8 finds another
 * process at work at the first try, 9 waits to be stopped.
 */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Order, ProcessMessage } from '../process.js';

const tell = (word: ProcessMessage) => process.send!(word, () => word.kind !== 'epoch' && process.exit(0));
process.on('disconnect', () => process.exit(1));
process.on('SIGTERM', () => tell({ kind: 'failed', sentence: 'The run was stopped.' }));
process.once('message', async ({ recipe, path, resume }: Order) => {
  await mkdir(path, { recursive: true });
  if (!resume) await writeFile(join(path, 'recipe.json'), JSON.stringify(recipe));
  tell({ kind: 'epoch', metrics: { epoch: 1, loss: 1, learningRate: 0.1, seconds: 1 } });
  if (recipe.epochs === 7) return tell({ kind: 'failed', sentence: 'It cannot be.' });
  if (recipe.epochs === 9) return setInterval(() => {}, 1000);
  const tried = join(path, 'tried');
  if (recipe.epochs === 8 && !existsSync(tried)) {
    await writeFile(tried, '');
    return tell({ kind: 'taken', sentence: 'Process 1 is at work on it.' });
  }
  await writeFile(join(path, 'summary.json'), '{}');
  tell({ kind: 'finished' });
});
