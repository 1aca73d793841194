/** The rules of docs/defaults.md, each by what it is about. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choose, type Known } from './rules.js';
import type { Situation } from './situation.js';
import { judged } from './situation.js';

const trained: Situation = {
  ...{ command: 'prune', trained: true, evidence: '', samples: 50_000, pixels: 32 },
  ...{ accuracy: 0.9, augmented: 0.89, narrowest: 16 },
};
const fresh: Situation = { ...trained, trained: false };
const structured: Known = { data: 'cifar10', macs: 0.5, epochs: 10 };
const sparse: Known = { data: 'cifar10', sparsity: 0.9, epochs: 10 };

const values = (known: Known, situation: Situation): Record<string, unknown> =>
  Object.fromEntries([...choose(known, situation)].map(([name, { value }]) => [name, value]));

test('a trained model is handled gently: a low rate, warm-up, itself as teacher', () => {
  assert.deepEqual(values(structured, trained), {
    ...{ method: 'l1-filters', lr: 0.01, warmup: 1, teacher: 'self', roundTo: 4 },
  });
  assert.deepEqual(values({ ...structured, epochs: 4 }, trained).warmup, 0.4);
  assert.equal(values({ ...structured, optimizer: 'adam' }, trained).lr, 0.0001);
});

test('a fresh one has the defaults of a training, but for what follows from its width', () => {
  assert.deepEqual(values(structured, fresh), { method: 'l1-filters', roundTo: 4 });
  assert.deepEqual(values({ data: 'cifar10', epochs: 10 }, { ...fresh, command: 'train' }), {});
});

test('training a trained model on is gentle, and has no teacher', () => {
  const { lr, teacher, warmup } = values({ data: 'cifar10', epochs: 10 }, { ...trained, command: 'train' });
  assert.deepEqual([lr, warmup, teacher], [0.01, 1, undefined]);
});

test('what is given is never chosen, and what depends on it follows it', () => {
  const given = { ...structured, lr: 0.1, teacher: 'none', roundTo: 16, warmup: 0, method: 'fpgm' };
  assert.deepEqual(values(given, trained), {});
});

test('a method that learns anew what it keeps has the rates of a training', () => {
  for (const method of ['lottery', 'probmask', 'edge-popup']) {
    const { lr, teacher, warmup } = values({ ...sparse, method }, trained);
    assert.deepEqual([lr, teacher, warmup], [undefined, undefined, undefined], method);
  }
});

test('the method follows the target, the epochs and whether there are data', () => {
  assert.equal(values(sparse, trained).method, 'gmp');
  assert.equal(values({ ...sparse, epochs: 2 }, trained).method, 'magnitude');
  assert.equal(values({ ...sparse, epochs: 2 }, fresh).method, 'gmp');
  assert.equal(values({ ...sparse, data: 'none' }, trained).method, 'magnitude');
  assert.equal(values({ ...structured, data: 'none' }, trained).method, 'l1-filters');
  assert.equal(values({ data: 'none', mask: 'mask.json' }, trained).method, 'l1-filters');
});

test('candidates are as many as the largest update of a short run takes', () => {
  const short = { ...sparse, method: 'fggp', epochs: 2, batch: 16 };
  const ratio = (known: Known, samples: number) => values(known, { ...trained, samples }).selectRatio;
  assert.equal(ratio(short, 36), 0.56, 'four updates, of which the second takes 0.557 of what is left');
  assert.equal(ratio(short, 1), 0.91, 'all in one update');
  assert.equal(ratio(short, 50_000), undefined, 'the method’s own is enough');
  assert.equal(
    ratio({ ...short, selectRatio: 0.2 }, 32),
    undefined,
    'what is given stands, and is refused by the plan',
  );
  assert.equal(ratio({ ...short, selectAnneal: true }, 32), undefined, 'what must go is a candidate anyway');
  assert.equal(ratio({ ...short, method: 'gmp' }, 32), undefined, 'a method without candidates');
});

test('where nothing is trained after a cut, channels go by what can be repaired', () => {
  const once = { ...structured, epochs: 0 };
  assert.equal(values(once, trained).method, 'reconstruction');
  assert.equal(values({ data: 'cifar10', maxLoss: 0.01, epochs: 0 }, trained).method, 'reconstruction');
  for (const more of [{ reconstruct: false }, { vote: true }, { importance: 'fpgm' }, { data: 'none' }])
    assert.equal(values({ ...once, ...more }, trained).method, 'l1-filters', JSON.stringify(more));
  assert.equal(values(once, fresh).method, 'l1-filters');
  assert.equal(values({ data: 'cifar10', dropArms: 2, epochs: 0 }, trained).method, 'l1-filters');
});

test('few samples make small batches, so that an epoch has some steps', () => {
  const batchOf = (samples: number) => values(structured, { ...trained, samples }).batch;
  assert.deepEqual([100, 550, 1437, 2047, 2048].map(batchOf), [16, 32, 64, 64, undefined]);
});

test('images are augmented where that is bearable for image, model and epochs', () => {
  const augment = (known: Known, facts: Partial<Situation>) =>
    values({ ...structured, ...known }, { ...trained, ...facts }).augment;
  assert.equal(augment({}, {}), undefined);
  assert.equal(augment({}, { augmented: 0.84 }), false);
  assert.equal(augment({ epochs: 2 }, {}), false);
  assert.equal(augment({}, { pixels: 8 }), false);
  assert.equal(augment({}, { pixels: undefined }), undefined);
  assert.equal(augment({}, { trained: false, augmented: 0.1 }), undefined);
});

test('where answers of the model itself are learnt, channels go by what can be repaired', () => {
  const unlabelled = { ...trained, unlabelled: true };
  assert.equal(values(structured, unlabelled).method, 'reconstruction');
  assert.equal(values({ ...structured, data: 'none' }, unlabelled).method, 'l1-filters');
  assert.equal(values({ ...structured, reconstruct: false }, unlabelled).method, 'l1-filters');
  assert.equal(values(sparse, unlabelled).method, 'gmp');
  assert.equal(values(structured, trained).method, 'l1-filters');
});

test('rounding leaves every layer four blocks at least, but for a target of latency', () => {
  const roundTo = (narrowest: number, known: Known = structured) =>
    values(known, { ...trained, narrowest }).roundTo;
  assert.deepEqual(
    [3, 8, 16, 24, 32, 63, 64, 512].map((width) => roundTo(width)),
    [1, 2, 4, 4, 8, 8, undefined, undefined],
  );
  assert.equal(roundTo(16, { data: 'cifar10', latency: 0.5, epochs: 10 }), undefined);
  assert.equal(roundTo(16, sparse), undefined);
});

test('few steps of learning answers are short ones, once channels are gone', () => {
  const rate = (samples: number, known: Known) =>
    values({ data: 'npz:x', macs: 0.5, batch: 16, ...known }, { ...trained, unlabelled: true, samples }).lr;
  assert.deepEqual(
    [
      [48, 1],
      [64, 2],
      [58, 3],
      [58, 8],
      [512, 1],
      [58, 0],
    ].map(([samples, epochs]) => rate(samples, { epochs })),
    [0.0001, 0.0002, 0.0003, 0.001, 0.001, 0.001],
  );
  assert.equal(rate(64, { epochs: 2, macs: undefined, sparsity: 0.5, method: 'gmp' }), 0.001);
  assert.equal(rate(64, { epochs: 2, lr: 0.01 }), undefined);
});

test('a model is trained when it is right more often than guessing would be', () => {
  const split = { length: 400, labels: Int32Array.from({ length: 400 }, (_, i) => (i < 200 ? 0 : i % 4)) };
  const isTrained = (accuracy: number) => judged(accuracy, { ...split, arrays: [] }).trained;
  // The most frequent class is 62.5 % of the samples.
  assert.deepEqual([0.25, 0.625, 0.7, 0.75].map(isTrained), [false, false, false, true]);
});
