import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Summary } from '../runs/index.js';
import { isSpoilt, verdictOf } from './verdict.js';

const told = (summary: Partial<Summary>) =>
  verdictOf({ command: 'prune', sparsity: { after: 0.9, target: 0.9 }, ...summary } as Summary);

test('a model that lost its accuracy is called unusable, with what to try', () => {
  const sentence = told({ accuracy: { before: 0.738, after: 0.23 } })!;
  assert.match(sentence, /^Accuracy fell from 73\.8 % to 23\.0 %: the model is not usable yet\. Try /);
  assert.match(sentence, /a lower --sparsity\.$/);
  assert.match(told({ accuracy: { before: 0.9, after: 0.2 }, epochs: 0 })!, /Train it while it is pruned/);
  assert.equal(told({ accuracy: { before: 0.738, after: 0.725 } }), undefined);
  assert.equal(told({ accuracy: { after: 0.2 } }), undefined, 'a network that had never been trained');
});

test('what is advised is the target that the run had', () => {
  const accuracy = { before: 0.9, after: 0.2 };
  const asked = { before: 2, after: 1, target: 1 };
  const channels = {} as never;
  assert.match(told({ accuracy, channels, macs: asked })!, /a larger --macs\.$/);
  assert.match(told({ accuracy, channels })!, /a milder target\.$/);
  assert.match(told({ accuracy, channels: { arms: {} } as never })!, /a smaller --drop-arms\.$/);
  assert.match(told({ accuracy, channels, params: asked })!, /a larger --params\.$/);
  assert.match(
    told({ accuracy, channels, bytes: { raw: asked, gzip: { after: 1 } } })!,
    /a larger --bytes\.$/,
  );
  assert.match(told({ accuracy, sparsity: { after: 0.75 } })!, /a pattern that keeps more\.$/);
});

test('without labels the distance to the original is told, and a warning where it is large', () => {
  const near = told({ answers: [{ output: 'y', error: 0.05, cosine: 0.999, agreement: 1 }] })!;
  assert.match(
    near,
    /^On random inputs, output y differs by 5\.0 % from that of the original model \(cosine 1\.00\) and gives the same decision as the original model for 100 % /,
  );
  assert.doesNotMatch(near, /train/);
  const spoilt = (answers: Summary['answers']) => isSpoilt({ command: 'prune', answers } as Summary);
  assert.ok(!spoilt([{ output: 'y', error: 0.05, cosine: 0.999, agreement: 1 }]));
  assert.ok(spoilt([{ output: 'y', error: 1.4, cosine: -0.06 }]));
  const far = [
    { output: 'boxes', error: 0.1, cosine: 0.99 },
    { output: 'scores', error: 1.4, cosine: -0.06 },
  ];
  assert.match(
    told({ answers: far })!,
    /output scores differs by 140\.0 % from that of the original model \(cosine -0\.06\).*: the model needs training before use/,
  );
  assert.match(
    told({ answers: [{ output: 'k', agreement: 0.5 }] })!,
    /same decision as the original model for 50 % .*needs training/,
  );
});
