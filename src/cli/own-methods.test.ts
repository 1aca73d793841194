/**
 * Methods of users' own, in files outside the package: one by its axes, with functions for some of them, one in full, with a setting
 * of its own, and one that removes channels. Each goes through the command line as any other.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { type Outcome, shell } from './shell.test.fixture.js';

const { at, espalier, stopped } = shell('own-methods');

/** Smallest weights relative to their layer's mean go, late in the run; as many come back where the gradient is large. */
const axes = `export default {
  kind: 'weights',
  name: 'relative',
  summary: 'The smallest weights relative to their layer',
  defaults: {
    score: function relative({ weight }) {
      const mean = weight.reduce((sum, w) => sum + Math.abs(w), 0) / weight.length;
      return weight.map((w) => w / mean);
    },
    pruningSchedule: function late({ from, to }, progress) {
      return to + (from - to) * (1 - progress ** 3);
    },
    growth: function steepest({ gradient }) {
      return gradient;
    },
    growthRatio: 0.05,
    growthDecay: 'constant',
    growthFloor: 0,
    growthEnd: 0.5,
    skipSteps: false,
  },
};`;

const channels = `export default {
  kind: 'channels',
  name: 'peaks',
  summary: 'Channels whose largest weights are small',
  settings: {
    power: {
      about: 'power of the norm by which a channel is judged',
      argument: 'X',
      parse: Number,
      must: 'be a number above 0',
      ok: (value) => value > 0,
      fallback: 8,
    },
  },
  defaults: {
    importance: function peak(slices, { power }) {
      if (!(power > 0)) throw new Error('there is no power');
      return slices.map((slice) => slice.reduce((sum, w) => sum + Math.abs(w) ** power, 0) ** (1 / power));
    },
    sparse: function squeeze(w, s, rate, { power }) {
      return s * Math.tanh(power * w);
    },
  },
  shares: { sparse: 1, fineTune: 1 },
};`;

/** Prunes once, at an iteration that the user says, every so-manyth weight. */
const full = `export default {
  kind: 'weights',
  name: 'comb',
  summary: 'Every n-th weight stays',
  settings: {
    moment: {
      about: 'iteration at which weights go',
      argument: 'N',
      parse: Number,
      must: 'be a whole number of at least 1',
      ok: (value) => Number.isInteger(value) && value >= 1,
      fallback: 2,
    },
  },
  plan({ layers }, options) {
    const every = Math.round(1 / (1 - options.sparsity));
    const counted = layers.reduce((sum, { weight }) => sum + weight.length, 0);
    const pruned = layers.reduce((sum, { weight }) => sum + weight.length - Math.ceil(weight.length / every), 0);
    const planned = layers.map(({ name, weight }) => ({ name, size: weight.length, present: weight.length }));
    return { method: 'comb', options, every, counted, pruned, layers: planned, updates: [options.moment] };
  },
  start: (plan, layers) => report(plan, layers, 0, 0),
  needsGradient: () => false,
  update(plan, layers, iteration) {
    if (iteration !== plan.options.moment) return undefined;
    for (const { weight, mask, momentum } of layers)
      for (let i = 0; i < mask.length; i++)
        if (i % plan.every !== 0) {
          mask[i] = 0;
          for (const values of [weight, ...momentum]) values[i] = 0;
        }
    return report(plan, layers, iteration, plan.pruned);
  },
};
const kept = (mask) => mask.reduce((sum, m) => sum + (m ? 1 : 0), 0);
function report({ counted }, layers, iteration, dropped) {
  const rows = layers.map(({ name, mask }) => ({ name, size: mask.length, kept: kept(mask), density: kept(mask) / mask.length }));
  const all = rows.reduce((sum, row) => sum + row.kept, 0);
  const sparsity = 1 - all / counted;
  return { iteration, scheduled: 1 - sparsity, dropped, final: dropped > 0, size: counted, kept: all, sparsity, sparsityWithBiases: sparsity, layers: rows };
}`;

const task = 'resnet8 --width 0.25 --data digits --batch 256 --threads 1';
const json = (...names: string[]) => JSON.parse(readFileSync(at(...names), 'utf8'));
const model = (run: string) => readFileSync(at(run, 'model.onnx'));

function fine({ status, err }: Outcome): void {
  assert.equal(status, 0, err);
}

before(() => {
  mkdirSync(at('own'));
  for (const [name, text] of Object.entries({ axes, channels, full }))
    writeFileSync(at('own', `${name}.mjs`), text);
});

test('a method by its axes prunes to the target, and is resumed to the same bits', async () => {
  const line = `prune ${task} --method ./own/axes.mjs --sparsity 0.8 --epochs 3`;
  fine(await espalier(`${line} --out whole`));
  const { method, score, pruningSchedule, growth } = json('whole', 'recipe.json');
  assert.deepEqual(
    [method, score, pruningSchedule, growth],
    ['../own/axes.mjs', 'relative', 'late', 'steepest'],
  );
  const { sparsity } = json('whole', 'summary.json');
  assert.ok(Math.abs(sparsity.after - 0.8) < 1e-3, `${sparsity.after}`);
  assert.match(readFileSync(at('whole', 'report.html'), 'utf8'), /axes/);
  const cut = await stopped(`${line} --out cut`, /^epoch 1 /m);
  assert.equal(cut.status, 130, cut.err);
  fine(await espalier('resume cut'));
  assert.deepEqual(model('cut'), model('whole'));
  fine(await espalier('prune --recipe whole/recipe.json --out again'));
  assert.deepEqual(model('again'), model('whole'));
});

test('one that removes channels, with an importance, a pull and a setting of its own', async () => {
  const line = `prune ${task} --method ./own/channels.mjs --macs 0.6`;
  fine(await espalier(`${line} --epochs 2 --out smaller`));
  const { importance, sparse, sparseEpochs, power } = json('smaller', 'recipe.json');
  assert.deepEqual([importance, sparse, sparseEpochs, power], ['peak', 'squeeze', 1, 8]);
  const { macs } = json('smaller', 'summary.json');
  assert.ok(macs.after <= 0.6 * macs.before);
  for (const given of [1, 9])
    fine(await espalier(`${line} --data none --power ${given} --out power-${given}`));
  assert.equal(json('power-1', 'recipe.json').power, 1);
  assert.notDeepEqual(
    json('power-1', 'mask.json'),
    json('power-9', 'mask.json'),
    'the importance is given it',
  );
  const page = await espalier('methods ./own/channels.mjs');
  assert.match(page.out, /--power +8 +power of the norm by which a channel is judged/);
  const wrong = await espalier(`${line} --power 0 --out wrong`);
  assert.match(wrong.err, /The setting power must be a number above 0, but it is 0/);
});

test('one in full has a flag for its own setting, and its page', async () => {
  const line = `prune ${task} --method ./own/full.mjs --sparsity 0.75 --epochs 1`;
  fine(await espalier(`${line} --moment 3 --out comb`));
  assert.equal(json('comb', 'recipe.json').moment, 3);
  assert.equal(json('comb', 'summary.json').sparsity.after.toFixed(2), '0.75');
  const page = await espalier('methods ./own/full.mjs');
  assert.match(page.out, /^comb: Every n-th weight stays/);
  assert.match(page.out, /--moment +2 +iteration at which weights go/);
  const wrong = await espalier(`${line} --moment no --out wrong`);
  assert.match(wrong.err, /The setting moment must be a whole number of at least 1, but it is null/);
});

test('a study compares it with others', async () => {
  writeFileSync(
    at('study.yaml'),
    'title: Own\nrecipe: { model: resnet8, width: 0.25, data: digits, batch: 256, epochs: 1, sparsity: 0.7 }\nvary: { method: [gmp, ./own/axes.mjs] }\nseeds: [1]\nbaseline: gmp\n',
  );
  const { status, out, err } = await espalier('study study.yaml --out study --threads 1');
  assert.equal(status, 0, err);
  assert.match(out, /^relative /m);
  assert.ok(json('study', 'relative', 'seed-1', 'summary.json').accuracy.after > 0);
});

const of = (kind: string, name: string, rest: string) =>
  `export default { kind: '${kind}', name: '${name}', summary: 'x', ${rest} };`;

test('a method of channels may leave shares and defaults out, and a score may give a plain array', async () => {
  writeFileSync(at('own', 'bare.mjs'), of('channels', 'bare', ''));
  fine(await espalier(`prune ${task} --method ./own/bare.mjs --macs 0.6 --epochs 1 --out bare`));
  assert.ok(json('bare', 'summary.json').macs.after <= 0.6 * json('bare', 'summary.json').macs.before);
  const plain = of(
    'weights',
    'plainly',
    'defaults: { score: function plain({ weight }) { return Array.from(weight); } }',
  );
  writeFileSync(at('own', 'plain.mjs'), plain);
  for (const method of ['./own/plain.mjs', 'gmp'])
    fine(await espalier(`prune ${task} --method ${method} --sparsity 0.6 --epochs 1 --out ${method.length}`));
  assert.deepEqual(model('15'), model('3'));
});

test('what is no method, has the name of another or a setting too many is refused in a sentence', async () => {
  const files: Record<string, [text: string, sentence: RegExp]> = {
    nothing: ['export const x = 1;', /default export of .*nothing\.mjs is not a method: it needs a name/],
    kind: ["export default { name: 'mine', summary: 'x' };", /must say what mine removes: kind: 'weights'/],
    gmp: [
      "export default { kind: 'weights', name: 'gmp', summary: 'x', defaults: {} };",
      /has the name of another one, gmp/,
    ],
    score: [
      "export default { kind: 'weights', name: 'mine', summary: 'x', defaults: { score: function none() {} } };",
      /The score none must give \d+ numbers, one for each it is asked about, but gives none/,
    ],
    broken: ['export default {', /cannot be loaded/],
    misspelt: [
      of('weights', 'misspelt', "defaults: { scor: 'magnitude' }"),
      /misspelt has no setting "scor" \(did you mean score\?\)/,
    ],
    thrown: [
      of('weights', 'thrown', 'defaults: { score: function oops() { return nothing; } }'),
      /The score oops failed: ReferenceError: nothing is not defined; set ESPALIER_DEBUG=1 to see where\.$/m,
    ],
    nan: [
      of(
        'weights',
        'nan',
        'defaults: { score: function unsound({ weight }) { return weight.map(() => NaN); } }',
      ),
      /The score unsound of conv1\.weight gives no number \(NaN\) for element 0, though all that it is made of is finite/,
    ],
    importance: [
      of(
        'channels',
        'importance',
        'defaults: { importance: function nought(slices) { return slices.map(() => NaN); } }',
      ),
      /The importance nought gives no number \(NaN\) for element 0/,
    ],
    shares: [
      of('channels', 'shares', 'shares: { fineTun: 1 }'),
      /shares has no setting "fineTun" \(did you mean fineTune\?\)/,
    ],
    plan: [
      of(
        'weights',
        'plan',
        'plan() { throw new RangeError("no"); }, start() {}, needsGradient() {}, update() {}',
      ),
      /The function plan of the method plan failed: RangeError: no; set/,
    ],
  };
  for (const [name, [text, sentence]] of Object.entries(files)) {
    writeFileSync(at('own', `${name}.mjs`), text);
    const target = text.includes("'channels'") ? '--macs 0.5' : '--sparsity 0.5';
    const { status, err } = await espalier(
      `prune ${task} --method ./own/${name}.mjs ${target} --out no-${name}`,
    );
    assert.equal(status, 1, name);
    assert.match(err, sentence);
  }
  const foreign = await espalier(
    `prune ${task} --method ./own/axes.mjs --sparsity 0.5 --select-ratio 0.5 --out foreign`,
  );
  assert.match(
    foreign.err,
    /^espalier: relative has no setting selectRatio.*; it has sparsity, pattern, score,/,
  );
  const missing = await espalier(`prune ${task} --method ./none.mjs --sparsity 0.5 --out no`);
  assert.match(missing.err, /Cannot read the method .*none\.mjs/);
});
