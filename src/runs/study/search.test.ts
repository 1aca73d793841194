/** Random search and successive halving: what is drawn, and what goes on. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { version } from '../../base/index.js';
import { startRun } from '../run.js';
import { carryOutHalving, refuseHalving, stoppedIn } from './halving.js';
import { carryOut, type StudyEvent, type StudyTask } from './jobs.js';
import { trialAxis } from './search.js';
import { nameOfCell, readStudy, type Study, type StudyRun, studyRuns } from './study.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-search-'));
after(() => rmSync(root, { recursive: true, force: true }));

function written(text: string): Promise<Study> {
  const path = join(root, 'study.yaml');
  writeFileSync(
    path,
    `title: A search\nrecipe: { model: conv2, data: digits, epochs: 8, validation: 0.2 }\n${text}`,
  );
  return readStudy(path);
}

test('draws lie in their space, follow from the seed, and no two are the same', () => {
  const space = {
    lr: { log: [1e-4, 1] as [number, number] },
    warmup: { uniform: [0, 2] as [number, number] },
    batch: [64, 128],
    every: { whole: [3, 5] as [number, number] },
  };
  const axis = trialAxis({ samples: 200, seed: 1, space });
  assert.deepEqual(trialAxis({ samples: 200, seed: 1, space }), axis);
  assert.deepEqual(
    trialAxis({ samples: 20, seed: 1, space }).values.map(({ settings }) => settings),
    axis.values.slice(0, 20).map(({ settings }) => settings),
  );
  assert.notDeepEqual(trialAxis({ samples: 200, seed: 2, space }), axis);
  const drawn = axis.values.map(({ settings }) => settings as Record<keyof typeof space, number>);
  assert.equal(new Set(drawn.map((one) => JSON.stringify(one))).size, 200);
  assert.equal(axis.values[0].label, 't001');
  for (const { lr, warmup, batch, every } of drawn)
    assert.ok(
      lr >= 1e-4 &&
        lr <= 1 &&
        warmup >= 0 &&
        warmup <= 2 &&
        [64, 128].includes(batch) &&
        [3, 4, 5].includes(every),
    );
  const below = drawn.filter(({ lr }) => lr < 1e-2).length;
  assert.ok(below > 70 && below < 130, 'half of a logarithmic scale');
  assert.equal(trialAxis({ samples: 10, seed: 0, space: { batch: [1, 2, 3] } }).values.length, 3);
});

test('a search is an axis of a study, and what makes no sense is refused', async () => {
  const study = await written('search: { samples: 3, space: { lr: { log: [0.01, 0.1] } } }\nseeds: [1, 2]\n');
  assert.equal(studyRuns(study, root, version).length, 6);
  for (const [text, message] of [
    [
      'search: { samples: 3, space: { lr: { log: [0, 0.1] } } }\nseeds: [1]\n',
      /space\.lr\.log must be two numbers above 0/,
    ],
    [
      'search: { samples: 3, space: { every: { whole: [1, 2.5] } } }\nseeds: [1]\n',
      /space\.every\.whole must be two whole numbers, the lower one first, but it is \[1,2\.5\]\.$/,
    ],
    [
      'search: { samples: 3, space: { lr: { unifrom: [0, 1] } } }\nseeds: [1]\n',
      /no place for "unifrom" in search\.space\.lr \(did you mean uniform\?\); it holds uniform, log and whole\.$/,
    ],
    [
      'search: { samples: 3, space: { lr: { log: [1, 2], whole: [1, 2] } } }\nseeds: [1]\n',
      /search\.space\.lr must be a list of values, or \{ uniform/,
    ],
    [
      'search: { sampels: 3, space: { lr: [1] } }\nseeds: [1]\n',
      /search\.samples must be .*did you mean samples/,
    ],
    ['vary: { lr: [0.1] }\nhalving: 3\nseeds: [1]\n', /halving must hold the epochs .*but it is 3\.$/],
    ['search: { samples: 3, space: { seed: [1, 2] } }\nseeds: [1]\n', /fixes seed/],
    ['seeds: [1]\n', /varies nothing: give vary/],
    [
      'vary: { lr: [0.1] }\nseeds: [1]\nhalving: { after: [3, 2] }\n',
      /halving\.after must be epochs in rising order/,
    ],
  ] as const)
    await assert.rejects(written(text), message);
  for (const [text, message] of [
    [
      'vary: { lr: [0.1], epochs: [4] }\nhalving: { after: [4] }\nseeds: [1]\n',
      /has 4 epochs, which is not more than 4/,
    ],
    ['vary: { lr: [0.1], validation: [0.1] }\nhalving: { after: [4] }\nseeds: [1]\n', undefined],
  ] as const) {
    const halved = await written(text);
    const check = () => refuseHalving(halved, studyRuns(halved, root, version));
    if (message) assert.throws(check, message);
    else check();
  }
});

/** Stands for training: a run's accuracy is its learning rate, after any epoch. */
function train(runs: readonly StudyRun[], until = 8): void {
  for (const { path, recipe } of runs) {
    mkdirSync(path, { recursive: true });
    const lines = Array.from({ length: until }, (_, i) => {
      const validation = { loss: 1, accuracy: recipe.lr };
      return JSON.stringify({
        kind: 'epoch',
        epoch: i + 1,
        loss: 1,
        learningRate: 1,
        seconds: 1,
        validation,
      });
    });
    writeFileSync(join(path, 'metrics.jsonl'), `${lines.join('\n')}\n`);
  }
}

test('the better half goes on after each round, over all seeds, and the folders tell it again', async () => {
  const study = await written(
    'vary: { lr: [0.1, 0.4, 0.2, 0.3] }\nhalving: { after: [2, 4], keep: 0.5 }\nseeds: [1, 2]\n',
  );
  const runs = studyRuns(study, join(root, 'halved'), version);
  const rounds: string[] = [];
  const { signal } = new AbortController();
  const carry = async (tasks: readonly StudyTask[], { until }: { until?: number }) => {
    const some = tasks.map(({ run }) => run);
    rounds.push(`${until}: ${some.map(({ cell, seed }) => `${nameOfCell(cell)}/${seed}`).join(' ')}`);
    train(some, until);
  };
  await carryOutHalving(study, runs, carry, signal);
  assert.deepEqual(rounds, [
    '2: 0.1/1 0.4/1 0.2/1 0.3/1 0.1/2 0.4/2 0.2/2 0.3/2',
    '4: 0.4/1 0.3/1 0.4/2 0.3/2',
    'undefined: 0.4/1 0.4/2',
  ]);
  const stopped = await stoppedIn(study, runs);
  assert.deepEqual(
    stopped.map(({ cell, epoch, value }) => [nameOfCell(cell), epoch, value]),
    [
      ['0.2', 2, 0.2],
      ['0.1', 2, 0.1],
      ['0.3', 4, 0.3],
    ],
  );
  rmSync(runs[0].path, { recursive: true });
  assert.deepEqual(await stoppedIn(study, runs), [], 'a round that is not over has stopped nothing');
});

test('a run that waits for the next round and goes on has the bytes of one that does not', async () => {
  const study = await written('vary: { width: [0.25] }\nseeds: [1]\n');
  const [run] = studyRuns(study, join(root, 'paused'), version);
  await startRun({ ...run.recipe, threads: 1 }, join(root, 'whole'));
  const kinds: string[] = [];
  const options = {
    worker: fileURLToPath(new URL('../../cli/commands/study-run.js', import.meta.url)),
    ...{ jobs: 1, threads: 1, signal: new AbortController().signal },
    onEvent: (event: StudyEvent) => kinds.push(event.kind),
  };
  for (const until of [3, 3, undefined]) await carryOut([{ run, until }], options);
  assert.deepEqual(
    kinds.filter((kind) => kind !== 'epoch'),
    ['started', 'paused', 'kept', 'started', 'finished'],
  );
  const [whole, paused] = [join(root, 'whole'), run.path].map((path) =>
    readFileSync(join(path, 'model.onnx')),
  );
  assert.ok(whole.equals(paused));
});
