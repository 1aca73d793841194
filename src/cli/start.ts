/**
 * What `npm start` runs: the whole way once, on the digits that come with the package. A small residual network is
 * trained dense, pruned to 95 % with FGGP, exported and checked.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { version } from '../base/index.js';
import { writeReport } from '../report/index.js';
import { type RunResult, resolveRecipe, type Summary, startRun } from '../runs/index.js';
import { figures, files } from './commands/run.js';
import { openFace, Stopped } from './face.js';
import { command } from './frame.js';
import { watchRun } from './progress.js';

const common = { data: 'digits', batch: 64, lr: 0.1, seed: 0 };
const dense = { ...common, model: 'resnet20', epochs: 10 };
const pruned = { ...common, method: 'fggp', sparsity: 0.95, epochs: 20 };

/** 'runs/start', or the first of 'runs/start-2', … that is free. */
function freeFolder(): string {
  for (let i = 1; ; i++) {
    const path = join('runs', i === 1 ? 'start' : `start-${i}`);
    if (!existsSync(path)) return path;
  }
}

process.exitCode = await command(async (signal) => {
  const face = openFace({}, signal);
  const root = freeFolder();

  async function run(name: 'train' | 'prune', given: object): Promise<Required<RunResult>> {
    const path = join(root, name === 'train' ? 'dense' : 'pruned');
    const watch = watchRun(face);
    const { folder, summary } = await startRun(resolveRecipe(name, given, version), path, watch).finally(
      watch.stop,
    );
    if (!summary) throw new Stopped(`Stopped. Continue with: npx espalier resume ${path}`);
    await writeReport(folder);
    return { folder, summary };
  }

  face.note('Training ResNet-20 on the digits, dense …');
  const parent = await run('train', dense);
  face.note('\nPruning it to 95 % with FGGP …');
  const { folder, summary } = await run('prune', { ...pruned, model: parent.folder.model });
  face.result(summary satisfies Summary, `\n${figures(summary)}\n\n${files(folder)}`);
});
