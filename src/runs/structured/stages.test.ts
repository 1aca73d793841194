import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { buildNetwork } from '../../nn/index.js';
import { runFolder } from '../folder.js';
import { keepOutcome, type Outcome, readOutcome, type StageKind } from './stages.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-stages-'));
after(() => rmSync(root, { recursive: true, force: true }));

test('a stage hands on what a resumed run reads of it', async () => {
  const folder = runFolder(root);
  const graph = buildNetwork('resnet8', { shape: [3, 8, 8], classes: 3, seed: 1, width: 0.25 });
  const selection = new Map([['conv1', [true, false, true, true]]]);
  const facts = {
    measured: [{ what: 'pruned' as const, loss: Number.NaN, accuracy: 0.25 }],
    error: undefined,
    importance: { conv1: [0.1, -0, Number.POSITIVE_INFINITY] },
  };
  const made: Outcome = { graph, selection, facts };
  for (const kind of ['mask', 'prune', 'unfold'] as const satisfies StageKind[]) {
    const stage = { name: `1-${kind}`, kind, epochs: 0, lr: 0.1, round: 1 };
    const handed = await keepOutcome(folder, stage, made);
    assert.deepEqual(handed, await readOutcome(folder, stage, graph), kind);
  }
});
