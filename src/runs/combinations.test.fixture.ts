/**
 * For tests: every method with every setting that it might be given, one at a time or two together, on a network and data so small
 * that a run takes a moment.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { normal, UserError } from '../base/index.js';
import { structuredMethods } from '../channels/index.js';
import { archive, reals, wholes } from '../data/npz.test.fixture.js';
import { builder } from '../nn/index.js';
import { writeModel } from '../onnx/index.js';
import { learntMethods, methods, scores } from '../sparsity/index.js';
import { draws } from './arrays.test.fixture.js';
import { UncheckedError } from './export.js';
import { type Recipe, resolveRecipe, settingsOf } from './recipe.js';
import { startRun } from './run.js';

export type Settings = Readonly<Record<string, unknown>>;

/** Two layers, the first normalised, for samples of eight numbers in three classes. */
function network() {
  const b = builder({ name: 'small', seed: 1 });
  const hidden = b.relu(b.batchNorm(b.linear(b.input('x', [8]), { out: 12, name: 'first' }), 'bn'));
  return b.finish({
    y: b.linear(b.relu(b.linear(hidden, { out: 8, name: 'second' })), { out: 3, name: 'head' }),
  });
}

/** What each setting may be; numbers by what the setting takes. */
const texts: Record<string, readonly string[]> = {
  ...{ score: Object.keys(scores), first: Object.keys(scores), teacher: ['self'] },
  ...{ macs: ['500'], params: ['200'], bytes: ['2kB'] },
};
const names: Record<string, readonly string[][]> = {
  spare: [['first.weight'], ['*']],
  ignore: [['head.weight']],
  freeze: [['first.weight']],
};
const values = [true, false, 0, 3, 1, 0.25, 0.9, 20];
/** Not of a method, or measured by the clock. */
const left = [
  'method',
  'data',
  'model',
  'threads',
  'seed',
  'normalize',
  'size',
  'inputShape',
  'mask',
  'latency',
  'maxLoss',
];

/** Every setting with some of the values that it takes. */
export const settingValues: readonly (readonly [name: string, value: unknown])[] = Object.entries(
  settingsOf.prune,
).flatMap(([name, { ok, words: named }]) => {
  if (left.includes(name)) return [];
  const all = named && !texts[name] ? named : [...(texts[name] ?? []), ...(names[name] ?? []), ...values];
  const fitting = all.filter((value) => ok(value));
  return fitting.slice(0, named || texts[name] ? undefined : 3).map((value) => [name, value] as const);
});

const targets = ['macs', 'params', 'bytes', 'channels'];

/** Every method with what it needs besides `given`. */
export const recipesWith = (given: Settings): Settings[] => [
  ...[...methods, ...learntMethods].map(({ name }) => ({ method: name, sparsity: 0.7, ...given })),
  ...structuredMethods.map(({ name, defaults }) => {
    const decided =
      (given.rule ?? defaults.rule ?? 'target') !== 'target' || targets.some((target) => target in given);
    return { method: name, ...(decided ? {} : { macs: 0.6 }), roundTo: 1, ...given };
  }),
];

export interface Workshop {
  /** 'refused', or 'done' where it ran to its end; anything else is thrown. */
  outcomeOf(given: Settings): Promise<'refused' | 'done'>;
  close(): void;
}

export async function workshop(): Promise<Workshop> {
  const root = mkdtempSync(join(tmpdir(), 'espalier-combinations-'));
  const [model, data, out] = ['m.onnx', 'd.npz', 'run'].map((name) => join(root, name));
  await writeModel(model, network());
  const { values: x, labels } = draws(70, 8, (r, label, i) => 0.6 * normal(r) + Number(i % 3 === label));
  writeFileSync(data, archive({ x: reals([70, 8], x), y: wholes([70], labels) }));
  const base = { model, data: `npz:${data}`, threads: 1, epochs: 4, batch: 16 };
  return {
    async outcomeOf(given) {
      rmSync(out, { recursive: true, force: true });
      try {
        const recipe: Recipe = resolveRecipe('prune', { ...base, ...given }, '0');
        const { summary } = await startRun(recipe, out);
        assert.ok(summary);
        return 'done';
      } catch (error) {
        const what = JSON.stringify(given);
        if (!(error instanceof UserError) || error instanceof UncheckedError)
          throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
        assert.match(error.message, /^\S[^\n]+\.$/, what);
        assert.ok(!existsSync(out), `${what} leaves a folder behind: ${error.message}`);
        return 'refused';
      }
    },
    close: () => rmSync(root, { recursive: true, force: true }),
  };
}
