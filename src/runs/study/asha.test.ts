/** Asynchronous successive halving: who goes on, whoever is faster, and that the folders tell it again. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { permutation, random, version } from '../../base/index.js';
import { decide, type Standing } from './asha.js';
import { recordFailure } from './failures.js';
import { type Carrying, carryOutHalving, stoppedIn } from './halving.js';
import { carryOut, type StudyTask } from './jobs.js';
import { epochsOf, nameOfCell, readStudy, type Study, type StudyRun, studyRuns } from './study.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-asha-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** Settings that have come to the first of two rungs, or not yet. */
const first = (...values: (number | undefined)[]): Standing[] =>
  values.map((value) => ({ values: [value, undefined], allowed: 0, isLost: false }));

test('the best of those that have come so far go on, rounded down until all are there', () => {
  const gone = (standings: Standing[], keep = 1 / 3) =>
    decide(standings, keep).promoted.map(({ index, rung }) => `${index}@${rung}`);
  assert.deepEqual(gone(first(1, 2, undefined, undefined)), []);
  assert.deepEqual(gone(first(3, 2, undefined, 1)), ['3@0']);
  assert.deepEqual(gone(first(3, 2, undefined, 2)), ['1@0'], 'of equals the one that is named first');
  assert.deepEqual(gone(first(3, 2, 4, 1, 5)), ['3@0', '1@0'], 'all are there: two of five, as in rounds');
  assert.deepEqual(gone(first(3, 2)), ['1@0'], 'one goes on in any case');
  const lost = first(3, undefined, undefined);
  assert.deepEqual(gone(lost), []);
  for (const one of lost.slice(1)) one.isLost = true;
  assert.deepEqual(gone(lost), ['0@0'], 'those that have failed are not waited for');
});

test('what has gone on goes on, and what cannot any more is stopped', () => {
  const standings: Standing[] = [
    { values: [5, 7], allowed: 1, isLost: false }, // went on early
    { values: [1, 6], allowed: 1, isLost: false },
    { values: [9, undefined], allowed: 0, isLost: false },
    { values: [2, undefined], allowed: 1, isLost: false },
  ];
  assert.deepEqual(decide(standings, 0.5), {
    promoted: [{ index: 1, rung: 1 }],
    stopped: [{ index: 2, rung: 0 }],
  });
  standings[3].values = [2, 8];
  assert.deepEqual(decide(standings, 0.5), {
    promoted: [
      { index: 1, rung: 1 },
      { index: 0, rung: 1 },
    ],
    stopped: [
      { index: 2, rung: 0 },
      { index: 3, rung: 1 },
    ],
  });
});

async function written(text: string): Promise<Study> {
  const path = join(root, 'study.yaml');
  writeFileSync(
    path,
    `title: A race\nrecipe: { model: conv2, data: digits, epochs: 8, validation: 0.2 }\n${text}`,
  );
  return readStudy(path);
}

/** Stands for training: a run's accuracy is its learning rate, after any epoch. */
function train({ run: { path, recipe }, until = 8 }: StudyTask): void {
  mkdirSync(path, { recursive: true });
  const validation = { loss: 1, accuracy: recipe.lr };
  const lines = Array.from({ length: until }, (_, i) => ({
    ...{ kind: 'epoch', epoch: i + 1, loss: 1, learningRate: 1, seconds: 1, validation },
  }));
  writeFileSync(join(path, 'metrics.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

const isThere = async ({ run, until = 8 }: StudyTask): Promise<boolean> => (await epochsOf(run)) >= until;

/** Carries out several tasks at a time, of which now this one ends first and now that one; ends after so many. */
function racing(seed: number, { most = Number.POSITIVE_INFINITY, fails = '' } = {}) {
  const trained: string[] = [];
  const stream = random(seed, 1);
  const carry = async (tasks: readonly StudyTask[], { more }: Carrying) => {
    const open = [...tasks];
    while (open.length > 0 && trained.length < most) {
      const [next] = permutation(stream, Math.min(3, open.length));
      const [task] = open.splice(next, 1);
      if (await isThere(task)) continue;
      const name = nameOfCell(task.run.cell);
      if (name === fails) await recordFailure(task.run, 'It cannot be.');
      else train(task);
      trained.push(`${name}/${task.run.seed}@${task.until}`);
      open.unshift(...((await more?.(task.run)) ?? []));
    }
  };
  return { trained, carry };
}

const rates = [0.12, 0.4, 0.2, 0.3, 0.15, 0.18, 0.35, 0.1, 0.25];
const { signal } = new AbortController();

test('whoever is faster, the best settings come to their end, and every run is carried out once to each rung', async () => {
  const study = await written(
    `vary: { lr: [${rates}] }\nhalving: { after: [2, 4], keep: 0.34, asynchronous: true }\nseeds: [1, 2]\n`,
  );
  const others = new Set<string>();
  for (let seed = 1; seed <= 12; seed++) {
    const runs = studyRuns(study, join(root, `race-${seed}`), version);
    const { trained, carry } = racing(seed);
    await carryOutHalving(study, runs, carry, signal);
    assert.equal(new Set(trained).size, trained.length, trained.join(' '));
    const [two, four, eight] = [2, 4, undefined].map((until) =>
      trained.filter((one) => one.endsWith(`@${until}`)).map((one) => one.split('@')[0]),
    );
    assert.equal(two.length, 18);
    for (const name of ['0.4', '0.35', '0.3'])
      assert.ok(four.includes(`${name}/1`) && four.includes(`${name}/2`));
    for (const seed of [1, 2]) assert.ok(eight.includes(`0.4/${seed}`), trained.join(' '));
    for (const one of eight) assert.ok(four.includes(one));
    others.add(four.join(' '));
    const stopped = await stoppedIn(study, runs);
    assert.equal(stopped.length + eight.length / 2, rates.length);
    for (const { cell, value, epoch } of stopped)
      assert.deepEqual(
        [value, eight.includes(`${nameOfCell(cell)}/1`)],
        [Number(nameOfCell(cell)), false],
        `${epoch}`,
      );
  }
  assert.ok(others.size > 1, 'which ones go on besides depends on who is faster');
});

test('a race that was interrupted goes on from the folders, and one that fails is not waited for', async () => {
  const study = await written(
    `vary: { lr: [${rates}] }\nhalving: { after: [2, 4], keep: 0.34, asynchronous: true }\nseeds: [1]\n`,
  );
  const runs = studyRuns(study, join(root, 'interrupted'), version);
  const before = racing(3, { most: 8, fails: '0.4' });
  await carryOutHalving(study, runs, before.carry, signal);
  assert.equal(before.trained.length, 8);
  const after = racing(4, { fails: '0.4' });
  await carryOutHalving(study, runs, after.carry, signal);
  const again = after.trained.filter((one) => before.trained.includes(one) && !one.startsWith('0.4/'));
  assert.deepEqual(again, [], 'nothing is carried out twice');
  assert.ok(
    after.trained.some((one) => one === '0.35/1@undefined'),
    after.trained.join(' '),
  );
  assert.ok(after.trained.includes('0.4/1@2'), 'what had failed is tried again');
  const third = racing(5, { fails: '0.4' });
  await carryOutHalving(study, runs, third.carry, signal);
  assert.deepEqual(third.trained, ['0.4/1@2']);
});

test('what follows from a run is begun before what waits, with as many at a time as are allowed', async () => {
  const study = await written('vary: { epochs: [1, 2, 3, 4] }\nseeds: [1]\n');
  const runs = studyRuns(study, join(root, 'order'), version);
  const events: string[] = [];
  let [atWork, most] = [0, 0];
  await carryOut(
    runs.slice(0, 3).map((run) => ({ run })),
    {
      worker: fileURLToPath(new URL('./queue/run.test.fixture.js', import.meta.url)),
      ...{ jobs: 2, threads: 1, signal },
      onEvent: ({ run, kind }) => {
        if (kind === 'started') most = Math.max(most, ++atWork);
        if (kind === 'finished') atWork--;
        if (kind !== 'epoch') events.push(`${nameOfCell(run.cell)} ${kind}`);
      },
      more: async (done: StudyRun) => {
        await wait(1);
        return done === runs[0] ? [{ run: runs[3] }] : [];
      },
    },
  );
  assert.equal(events.filter((one) => one.endsWith('finished')).length, 4);
  assert.equal(most, 2);
  assert.ok(readFileSync(join(runs[3].path, 'summary.json')));
});
