import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { mixedData } from './data.js';
import { recordFailure } from './failures.js';
import { findRun, readStudy, type StudyRun, studyRuns } from './study.js';
import { readStudyLines, summarizeStudy } from './table.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-study-'));
after(() => rmSync(root, { recursive: true, force: true }));

const text = `
title: Gradual or at once
recipe: { model: resnet8, data: digits, epochs: 2 }
vary:
  setting: { gmp: { method: gmp }, once: { method: magnitude } }
  sparsity: [0.5, 0.75]
seeds: [3, 1]
baseline: gmp
`;

async function study(yaml = text) {
  const path = join(root, 'study.yaml');
  writeFileSync(path, yaml);
  return readStudy(path);
}

/** A finished run, as far as a table reads it. */
function finish(
  { path, recipe, seed }: StudyRun,
  accuracies: number[],
  { kept = 10, channels }: { kept?: number; channels?: object } = {},
): void {
  mkdirSync(path, { recursive: true });
  const put = (name: string, value: string) => writeFileSync(join(path, name), value);
  put('recipe.json', JSON.stringify({ ...recipe, threads: 7 }));
  const epochs = accuracies.map((accuracy, e) => ({ kind: 'epoch', epoch: e + 1, test: { accuracy } }));
  put('metrics.jsonl', [{ kind: 'masks' }, ...epochs].map((line) => `${JSON.stringify(line)}\n`).join(''));
  const change = (value: number) => ({ after: value });
  const prunable = { layers: [{ name: 'w', kept }] };
  const figures = { sparsity: change(0.5), macs: change(100), effectiveMacs: change(50), seconds: seed };
  put(
    'summary.json',
    JSON.stringify({ prunable, ...figures, channels, accuracy: { before: 0.8, after: 0 } }),
  );
}

test('every combination with every seed, seed by seed, each in a folder of its own', async () => {
  const runs = studyRuns(await study(), root, '1.0.0');
  assert.deepEqual(
    runs.map(({ path }) => path.slice(root.length + 1)),
    [3, 1].flatMap((seed) =>
      ['gmp/0.5', 'gmp/0.75', 'once/0.5', 'once/0.75'].map((cell) => join(cell, `seed-${seed}`)),
    ),
  );
  const { recipe, seed } = runs[3];
  assert.deepEqual(
    [seed, recipe.seed, recipe.command, 'method' in recipe && recipe.method, recipe.epochs],
    [3, 3, 'prune', 'magnitude', 2],
  );
});

test('means, deviations and differences by seed', async () => {
  const given = await study();
  const runs = studyRuns(given, join(root, 'table'), '1.0.0');
  const at = (cell: string, seed: number) =>
    runs.find(({ path }) => path.endsWith(join(cell, `seed-${seed}`)))!;
  finish(at('gmp/0.5', 3), [0.1, 0.5]);
  finish(at('gmp/0.5', 1), [0.2, 0.7], { kept: 0 });
  finish(at('once/0.5', 3), [0.9, 0.4]);
  finish(at('once/0.5', 1), [0.9, 0.5]);
  finish(at('once/0.75', 1), [0.9, 0.3]);
  await recordFailure(at('gmp/0.75', 3), 'It would not.');

  const lines = await readStudyLines(runs);
  const result = summarizeStudy(given, lines);
  assert.deepEqual([result.planned, result.finished, lines.length], [8, 5, 6]);
  const rounded = (x?: number) => x && Math.round(x * 1e9) / 1e9;
  const cells = result.cells.map(({ at, accuracy, difference, emptied, seconds }) => ({
    at: Object.values(at).join(' '),
    ...{ n: accuracy.n, mean: rounded(accuracy.mean), deviation: rounded(accuracy.deviation) },
    to: difference && [difference.n, rounded(difference.mean), rounded(difference.interval?.[1])],
    ...{ emptied, seconds },
  }));
  const half = 0.141421356;
  assert.deepEqual(cells, [
    { at: 'gmp 0.5', n: 2, mean: 0.6, deviation: half, to: undefined, emptied: 1, seconds: 2 },
    {
      ...{ at: 'once 0.5', n: 2, mean: 0.45, deviation: rounded(half / 2) },
      to: [2, -0.15, rounded(-0.15 + 12.706204736 * 0.05)],
      ...{ emptied: 0, seconds: 2 },
    },
    { at: 'once 0.75', n: 1, mean: 0.3, deviation: undefined, to: undefined, emptied: 0, seconds: 1 },
  ]);
  assert.deepEqual(
    result.failures.map(({ at, seed, failed }) => [at, seed, failed]),
    [[{ setting: 'gmp', sparsity: '0.75' }, 3, 'It would not.']],
  );
});

test('accuracies along runs that remove channels: of several rounds the last, the end as the figure', async () => {
  const given = await study();
  const runs = studyRuns(given, join(root, 'stages'), '1.0.0');
  const stagesWith = (x: number) => ({
    stages: [
      { stage: '1-sparse', what: 'trained', accuracy: 0.7 },
      { stage: '3-prune', what: 'pruned', accuracy: 0.1 },
      { stage: '3-prune', what: 'recalibrated', accuracy: 0.2 },
      { stage: '5-prune', what: 'pruned', accuracy: 0.3 + x },
      { stage: '6-fine-tune', what: 'trained', accuracy: 0.75 },
    ],
  });
  const [first, , , , again, other] = runs;
  finish(first, [0.7, 0.75], { channels: stagesWith(0) });
  finish(again, [0.7, 0.75], { channels: stagesWith(0.2) });
  finish(other, [0.7, 0.6]);
  const { cells } = summarizeStudy(given, await readStudyLines(runs));
  const [{ accuracy, stages }, plain] = cells;
  assert.equal(accuracy.mean, 0.75);
  assert.deepEqual(
    stages?.map(({ when, accuracy: { n, mean } }) => [when, n, mean]),
    [
      ['before', 2, 0.8],
      ['sparse', 2, 0.7],
      ['pruned', 2, 0.4],
      ['recalibrated', 2, 0.2],
    ],
  );
  assert.deepEqual([plain.stages, plain.accuracy.mean], [undefined, 0.6]);
});

test('a folder with another run is refused, threads and version aside', async () => {
  const [run] = studyRuns(await study(), join(root, 'other'), '1.0.0');
  assert.equal(await findRun(run), 'nothing');
  finish(run, [0.5]);
  assert.equal(await findRun({ ...run, recipe: { ...run.recipe, version: '9' } }), 'finished');
  await assert.rejects(findRun({ ...run, recipe: { ...run.recipe, lr: 3 } }), {
    name: 'UserError',
    message: /holds a run of gmp 0\.5, seed 3, whose lr differs from what the study says/,
  });
});

test('a study that makes no sense is refused in a sentence', async () => {
  const with_ = (from: string, to: string) => text.replace(from, to);
  const cases: [string, RegExp][] = [
    ['{', /is not valid YAML/],
    ['title: x', /study\.yaml, recipe must hold the settings/],
    [with_('seeds: [3, 1]', 'seeds: 3'), /seeds must be a list of whole numbers/],
    [with_('[3, 1]', '[3, 3]'), /names a seed twice/],
    [with_('[3, 1]', '[]'), /seeds must name one seed at least/],
    [with_('[3, 1]', '[3, -1]'), /seeds must be a list of whole numbers.*but it is \[3,-1\]\./],
    [with_('seeds', 'seed'), /seeds must be a list.*missing \("seed" is there: did you mean seeds\?\)\./],
    [with_('baseline', 'basline'), /no place for "basline" \(did you mean baseline\?\); it holds title/],
    [with_('title', 'name: 1\ntitle'), /no place for "name"; it holds title, recipe/],
    [with_('[0.5, 0.75]', '0.5'), /vary\.sparsity must be a list of values, or names/],
    [with_('[0.5, 0.75]', '[0.5, .nan]'), /vary\.sparsity must be a list of values, or names/],
    [with_('[0.5, 0.75]', '{}'), /vary\.sparsity must be a list of values, or names/],
    [with_('[0.5, 0.75]', '[0.5, 0.5]'), /sparsity has a value twice/],
    [with_('once:', "'a/b':"), /"a\/b" in setting cannot name a folder/],
    [with_('once:', "'..':"), /"\.\." in setting cannot name a folder/],
    [with_('baseline: gmp', 'baseline: g'), /baseline g is none of the values gmp, once, 0\.5, 0\.75/],
    [with_('epochs: 2', 'epochs: 2, seed: 4'), /fixes seed.*list seeds/],
    [with_('epochs: 2', 'epocs: 2'), /In the cell gmp 0\.5: prune has no setting "epocs"/],
    [with_('epochs: 2', 'command: eval'), /trains or prunes.*"eval"/],
  ];
  for (const [yaml, message] of cases)
    await assert.rejects(
      study(yaml).then((given) => studyRuns(given, root, '')),
      (error: Error) => {
        assert.match(error.name, /^UserError$/, String(error.stack));
        assert.match(error.message, message);
        assert.match(error.message, /^[^\n]+\.$/);
        return true;
      },
    );
});

test('runs that were made with other samples are named', async () => {
  const out = join(root, 'mixed');
  const runs = studyRuns(await study(), out, '1');
  const digest = (run: StudyRun, samples: string) => {
    mkdirSync(join(run.path, 'checkpoint'), { recursive: true });
    const train = { length: 9, labels: 'l', samples };
    writeFileSync(join(run.path, 'checkpoint', 'data.json'), JSON.stringify({ train }));
  };
  assert.equal(await mixedData(runs), undefined);
  for (const run of runs.slice(1, 4)) digest(run, 'a');
  assert.equal(await mixedData(runs), undefined);
  digest(runs[3], 'b');
  assert.equal(
    await mixedData(runs),
    `${runs[1].path} and ${runs[3].path} were made with other samples of digits (the training samples differ), so they do not compare: run the study anew in another folder.`,
  );
});
