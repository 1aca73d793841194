/** What a run is resumed with, and by whom. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { normal } from '../base/index.js';
import { archive, reals, wholes } from '../data/npz.test.fixture.js';
import { writeModel } from '../onnx/index.js';
import { type RunState, readCheckpoint, writeCheckpoint } from '../train/index.js';
import { draws, perceptron } from './arrays.test.fixture.js';
import { type Recipe, readRecipe, resolveRecipe } from './recipe.js';
import { resumeRun, startRun } from './run.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-resume-'));
after(() => rmSync(root, { recursive: true, force: true }));
const at = (...names: string[]) => join(root, ...names);

/** Writes the data; what is `shifted` gives other values, what is `turned` other labels. */
function write(file: string, { shifted = 0, turned = 0, count = 90 } = {}): void {
  const { values, labels } = draws(count, 8, (r, label, i) => 0.6 * normal(r) + Number(i % 3 === label));
  writeFileSync(
    at(file),
    archive({
      x: reals(
        [count, 8],
        values.map((x) => x + shifted),
      ),
      y: wholes(
        [count],
        labels.map((label) => (label + turned) % 3),
      ),
    }),
  );
}

const recipeOn = (data: string, more: object = {}): Recipe =>
  resolveRecipe(
    'prune',
    {
      ...{ model: at('model.onnx'), data: `npz:${at(data)}`, method: 'gmp', sparsity: 0.6 },
      ...{ epochs: 4, batch: 16, threads: 1, ...more },
    },
    '0',
  );

/** Stops a run after its second epoch. */
async function stopped(recipe: Recipe, run: string): Promise<void> {
  const stop = new AbortController();
  const { summary } = await startRun(recipe, at(run), {
    signal: stop.signal,
    onEpoch: ({ epoch }) => epoch === 2 && stop.abort(),
  });
  assert.equal(summary, undefined);
}

before(() => writeModel(at('model.onnx'), perceptron()));

const MODEL = 'model.onnx';
const bytes = (run: string) => readFileSync(at(run, MODEL));

test('a run does not go on with other data of the same size, and does when they are back', async () => {
  write('d.npz');
  const recipe = recipeOn('d.npz', { validation: 0.2 });
  await startRun(recipe, at('whole'));
  await stopped(recipe, 'cut');
  for (const [changes, different] of [
    [{ turned: 1 }, 'the labels of the training samples differ'],
    [{ shifted: 0.5 }, 'the training samples differ'],
    [{ count: 60 }, 'the number of training samples was 81 and is 54'],
  ] as const) {
    write('d.npz', changes);
    await assert.rejects(resumeRun(at('cut')), {
      name: 'UserError',
      message: `The samples of npz:${at('d.npz')} are not those that the run was started with: ${different}; put them back as they were, or start a new run.`,
    });
  }
  write('d.npz');
  assert.ok((await resumeRun(at('cut'))).summary);
  assert.ok(bytes('cut').equals(bytes('whole')));
});

test('a run of a version that kept no digests goes on', async () => {
  write('d.npz');
  await stopped(recipeOn('d.npz'), 'old');
  rmSync(at('old', 'checkpoint', 'data.json'));
  const state = at('old', 'checkpoint', 'state.bin');
  const saved = (await readCheckpoint<RunState>(state))!;
  const { data, ...older } = saved.state;
  assert.ok(data?.train?.samples);
  // Its plan called the pruning schedule by a shorter name.
  const [plan] = saved.state.hooks as [{ options: Record<string, unknown> }];
  const { pruningSchedule: schedule, ...options } = plan.options;
  assert.ok(schedule);
  const hooks = [{ ...plan, options: { ...options, schedule } }];
  await writeCheckpoint(state, { ...saved, state: { ...older, hooks } });
  assert.ok((await resumeRun(at('old'))).summary);
});

test('a run in a pattern goes on to the same bits, and not in another pattern', async () => {
  write('p.npz');
  const pattern = { sparsity: undefined, pattern: '2:4', teacher: 'none' };
  const recipe = recipeOn('p.npz', pattern);
  await startRun(recipe, at('pattern'));
  await stopped(recipe, 'pattern-cut');
  const { summary } = await resumeRun(at('pattern-cut'));
  assert.ok(summary);
  assert.deepEqual(bytes('pattern-cut'), bytes('pattern'));
  assert.equal(((await readRecipe(at('pattern', 'recipe.json'))) as { pattern?: string }).pattern, '2:4');
  await stopped(recipe, 'pattern-other');
  const other = at('pattern-other', 'recipe.json');
  writeFileSync(other, readFileSync(other, 'utf8').replace('2:4', '1:4'));
  await assert.rejects(resumeRun(at('pattern-other')), /pattern/);
});

test('of two that resume a run one does, and the other says who is at it', async () => {
  write('d.npz');
  const recipe = recipeOn('d.npz');
  await startRun(recipe, at('alone'));
  await stopped(recipe, 'two');
  const results = await Promise.allSettled([resumeRun(at('two')), resumeRun(at('two'))]);
  assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  const { reason } = results.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
  assert.match(reason.message, new RegExp(`^Process ${process.pid} is working on this run \\(.*two\\)`));
  assert.ok(bytes('two').equals(bytes('alone')));
  assert.ok(!existsSync(at('two', 'run.lock')));
});

test('a run that another process has taken over ends before it writes anything more', async () => {
  write('d.npz');
  const path = at('lost');
  const other = JSON.stringify({ pid: 1, host: 'elsewhere', token: 'other' });
  let before = '';
  const run = startRun(recipeOn('d.npz', { epochs: 5, log: ['csv'] }), path, {
    onEpoch({ epoch }) {
      if (epoch !== 2) return;
      writeFileSync(join(path, 'run.lock'), other);
      before = readFileSync(join(path, 'checkpoint', 'state.bin'), 'latin1');
    },
  });
  await assert.rejects(
    run,
    /^UserError: Another process has taken over this run \(.*lost\), so this one leaves it alone\.$/,
  );
  assert.equal(readFileSync(join(path, 'checkpoint', 'state.bin'), 'latin1'), before);
  assert.equal(readFileSync(join(path, 'run.lock'), 'utf8'), other);
  assert.ok(!existsSync(join(path, 'summary.json')));
});

test('a run is not begun twice in one folder, nor resumed while it is begun', async () => {
  write('d.npz');
  const recipe = recipeOn('d.npz');
  const both = await Promise.allSettled([startRun(recipe, at('twice')), startRun(recipe, at('twice'))]);
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  const other = JSON.stringify({ pid: process.ppid, host: hostname(), token: 'other' });
  await stopped(recipe, 'busy');
  writeFileSync(at('busy', 'run.lock'), other);
  await assert.rejects(resumeRun(at('busy')), new RegExp(`Process ${process.ppid} is working on this run`));
  assert.equal(readFileSync(at('busy', 'run.lock'), 'utf8'), other);
});

test('a folder that a kill left before there was a recipe is as good as new', async () => {
  write('d.npz');
  const recipe = recipeOn('d.npz');
  mkdirSync(at('unbegun', 'checkpoint'), { recursive: true });
  writeFileSync(at('unbegun', 'recipe.json.partial'), '{');
  writeFileSync(
    at('unbegun', 'run.lock'),
    JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), token: 't' }),
  );
  writeFileSync(at('unbegun', 'run.lock.partial-1'), '{');
  assert.ok((await startRun(recipe, at('unbegun'))).summary);
  assert.deepEqual(
    readdirSync(at('unbegun')).filter((name) => /lock|partial/.test(name)),
    [],
  );

  mkdirSync(at('taken', 'checkpoint'), { recursive: true });
  writeFileSync(at('taken', 'checkpoint', 'mine.txt'), 'mine');
  await assert.rejects(startRun(recipe, at('taken')), /The folder \S+taken is not empty; give another one/);
  assert.ok(existsSync(at('taken', 'checkpoint', 'mine.txt')));
});

test('what cannot be done leaves no folder', async () => {
  write('d.npz');
  for (const [settings, sentence] of [
    [{ sparsity: 0.9999 }, /out of reach.*ask for at most/],
    [{ method: 'lottery', rounds: 3 }, /lottery prunes between trainings and has no rounds before them/],
    [
      { method: 'probmask', sparsity: 0.9999 },
      /leaves 1 of 624 weights for 3 layers: ask for at most 0.995192/,
    ],
    [{ method: 'edge-popup', sparsity: 0.9999 }, /for 3 layers/],
    [{ method: 'probmask', finalMask: 'draw' }, /Drawn masks are chosen on a validation split/],
  ] as const) {
    await assert.rejects(startRun(recipeOn('d.npz', settings), at('refused')), sentence);
    assert.ok(!existsSync(at('refused')), JSON.stringify(settings));
  }
});

test('a run goes on with the same data in another place, which its recipe keeps', async () => {
  write('e.npz');
  const recipe = recipeOn('e.npz');
  await startRun(recipe, at('undisturbed'));
  await stopped(recipe, 'elsewhere');
  mkdirSync(at('disk'));
  renameSync(at('e.npz'), at('disk', 'e.npz'));
  write('other.npz', { shifted: 0.5 });
  for (const [data, sentence] of [
    [undefined, /^The data of this run are no longer at npz:.*e\.npz; give --data /],
    [`npz:${at('other.npz')}`, /the training samples differ/],
    [
      'digits',
      /^The run was started with the data npz, not digits: give --data npz:PATH, or leave it out\.$/,
    ],
  ] as const)
    await assert.rejects(resumeRun(at('elsewhere'), { data }), { message: sentence });
  const stop = new AbortController();
  const onEpoch = () => stop.abort();
  await resumeRun(at('elsewhere'), { data: `npz:${at('disk', 'e.npz')}`, signal: stop.signal, onEpoch });
  assert.ok((await resumeRun(at('elsewhere'))).summary, 'the place is in the recipe now');
  assert.deepEqual(bytes('elsewhere'), bytes('undisturbed'));
});

test('a project that is moved goes on, and so does the folder of a run alone', async () => {
  const home = process.cwd();
  const inProject = async (name: string) => {
    mkdirSync(at(name));
    process.chdir(at(name));
    write(`${name}/data.npz`);
    await writeModel('model.onnx', perceptron());
    const given = { model: './model.onnx', data: 'npz:data.npz', method: 'gmp', sparsity: 0.6 };
    return resolveRecipe('prune', { ...given, epochs: 4, batch: 16, threads: 1 }, '0');
  };
  try {
    await startRun(await inProject('first'), at('first', 'runs', 'whole'));
    const recipe = await inProject('second');
    await stopped(recipe, 'second/runs/cut');
    await stopped(recipe, 'second/runs/alone');
    process.chdir(home);
    const kept = JSON.parse(readFileSync(at('second', 'runs', 'cut', 'recipe.json'), 'utf8'));
    assert.deepEqual([kept.model, kept.data], ['../../model.onnx', 'npz:../../data.npz']);
    const again = await readRecipe(at('second', 'runs', 'cut', 'recipe.json'));
    assert.deepEqual(again, recipe, 'read as a recipe, its paths are those that were meant');
    renameSync(at('second', 'runs', 'alone'), at('moved'));
    assert.ok((await resumeRun(at('moved'))).summary);
    renameSync(at('second'), at('third'));
    assert.ok((await resumeRun(at('third', 'runs', 'cut'))).summary);
    for (const run of ['moved', 'third/runs/cut'])
      assert.deepEqual(bytes(run), bytes('first/runs/whole'), run);
  } finally {
    process.chdir(home);
  }
});
