/**
 * The library as TypeScript sees it under `strict`: what is right compiles, and what is wrong does not. Every expected error that
 * is none is an error of its own.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

const options = `
import { pruneRecipe, trainRecipe } from 'espalier';

const on = { model: 'resnet8', data: 'digits', epochs: 3 } as const;
trainRecipe({ ...on, lr: 0.1, schedule: 'step', every: 1 });
pruneRecipe({ ...on, method: 'fggp', sparsity: 0.9, selectRatio: 0.5, first: 'gradient' });
pruneRecipe({ ...on, method: 'gmp', sparsity: 0.9, scope: 'layer', pruningSchedule: 'exponential' });
pruneRecipe({ ...on, method: 'set', sparsity: 0.9, growthRatio: 0.2 });
pruneRecipe({ ...on, method: 'probmask', sparsity: 0.9, samples: 2, finalMask: 'draw' });
pruneRecipe({ ...on, method: 'str' });
pruneRecipe({ ...on, method: 'masksparsity', macs: 0.5, marked: 'l1', roundTo: 8 });
pruneRecipe({ ...on, method: 'l1-filters', params: '300k', fineTune: 2 });

// @ts-expect-error not the name of a setting
trainRecipe({ model: 'resnet8', data: 'digits', epcohs: 3 });
// @ts-expect-error a setting of pruning
trainRecipe({ model: 'resnet8', data: 'digits', sparsity: 0.9 });
// @ts-expect-error the data are missing
trainRecipe({ model: 'resnet8' });
// @ts-expect-error no such optimiser
trainRecipe({ model: 'resnet8', data: 'digits', optimizer: 'lion' });
// @ts-expect-error another method's setting
pruneRecipe({ model: 'resnet8', data: 'digits', method: 'gmp', sparsity: 0.9, selectRatio: 0.5 });
// @ts-expect-error a setting of learnt masks
pruneRecipe({ model: 'resnet8', data: 'digits', method: 'fggp', sparsity: 0.9, samples: 2 });
// @ts-expect-error the target is missing
pruneRecipe({ model: 'resnet8', data: 'digits', method: 'fggp' });
// @ts-expect-error a target of channels
pruneRecipe({ model: 'resnet8', data: 'digits', method: 'fggp', sparsity: 0.9, macs: 0.5 });
// @ts-expect-error a target of single weights
pruneRecipe({ model: 'resnet8', data: 'digits', method: 'l1-filters', sparsity: 0.9 });
// @ts-expect-error no such method
pruneRecipe({ model: 'resnet8', data: 'digits', method: 'magic', sparsity: 0.9 });
// @ts-expect-error no such score
pruneRecipe({ model: 'resnet8', data: 'digits', method: 'gmp', sparsity: 0.9, score: 'size' });
`;

const methods = `
import { defineMethod, fggp, gmp, gradual, pruningHook, setting } from 'espalier';

pruningHook(fggp, { sparsity: 0.9, selectRatio: 0.3 });
pruningHook(gmp, { sparsity: 0.9, score: ({ weight }) => weight.map(Math.abs) });
const own = gradual({ name: 'own', summary: 'x', defaults: { growth: 'random', growthRatio: 0.1 } });
pruningHook(own, { sparsity: 0.5, growthRatio: 0.2 });
// @ts-expect-error a setting that gmp does not have
pruningHook(gmp, { sparsity: 0.9, selectRatio: 0.3 });
// @ts-expect-error one that this method does not have
pruningHook(own, { sparsity: 0.5, rewind: 0.1 });
// @ts-expect-error the target is missing
pruningHook(fggp, { selectRatio: 0.3 });

export default defineMethod({
  kind: 'channels',
  name: 'peaks',
  summary: 'x',
  defaults: { importance: function peak(slices) { return slices.map((slice) => slice[0]); } },
  shares: { fineTune: 1 },
});
// @ts-expect-error no such kind
defineMethod({ kind: 'bits', name: 'x', summary: 'x', defaults: {} });
// @ts-expect-error no such axis
defineMethod({ kind: 'weights', name: 'x', summary: 'x', defaults: { colour: 'red' } });
export const every: number | undefined = setting.usually(setting.whole('steps', 1), 3).fallback;
`;

/** The TypeScript and JavaScript of README, a file for each block that uses the library. */
const readme = (): Record<string, string> => {
  const text = readFileSync(join(root, 'README.md'), 'utf8');
  const blocks = [...text.matchAll(/^```(?:js|ts)\n([\s\S]*?)^```/gm)].map(([, code]) => code);
  const own = blocks.filter((code) => code.includes("from 'espalier'"));
  assert.ok(own.length > 0);
  return Object.fromEntries(own.map((code, i) => [`readme-${i}.ts`, code]));
};

test('right programs compile under strict, and wrong ones do not', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-types-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules', 'espalier'));
  symlinkSync(join(root, 'node_modules', '@types'), join(folder, 'node_modules', '@types'));
  const sources = { 'options.ts': options, 'methods.ts': methods, ...readme() };
  for (const [name, code] of Object.entries(sources)) writeFileSync(join(folder, name), code);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const compilerOptions = {
    ...{ strict: true, noEmit: true, target: 'es2022', module: 'nodenext', skipLibCheck: true },
    types: ['node'],
  };
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: Object.keys(sources) }),
  );
  const { stdout } = spawnSync(join(root, 'node_modules', '.bin', 'tsc'), ['-p', folder], {
    encoding: 'utf8',
  });
  assert.equal(stdout, '');
});
