import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builder, buildNetwork } from '../nn/index.js';
import { type BenchResult, benchNotes, oddMacs } from './bench-notes.js';

const result = (changes: Partial<BenchResult> & { median: number }): BenchResult => ({
  model: 'a.onnx',
  runtime: 'onnxruntime-node',
  version: '1',
  batch: 1,
  interval: [changes.median * 0.99, changes.median * 1.01],
  speed: 1,
  sparsity: 0,
  macs: 100,
  effectiveMacs: 100,
  oddMacs: 0,
  ...changes,
});

const assertNotes = (results: BenchResult[], ...patterns: RegExp[]) => {
  const notes = benchNotes(results);
  assert.equal(notes.length, patterns.length, notes.join('\n'));
  for (const [i, pattern] of patterns.entries()) assert.match(notes[i], pattern);
};

test('zeros gain nothing on a runtime that multiplies by them', () => {
  const sparse = result({ model: 'b.onnx', median: 8, sparsity: 0.95 });
  assertNotes(
    [result({ median: 10 }), sparse],
    /^No gain is to be expected on onnxruntime-node from .* b\.onnx \(95 % zero\)/,
  );
  assertNotes([result({ median: 10 }), result({ median: 5, runtime: 'onnxruntime-web' })]);
});

test('a model with few zeros, or none, gains nothing on espalier/runtime where it was measured so', () => {
  const slow = result({ runtime: 'espalier/runtime', median: 20, sparsity: 0.6 });
  const dense = result({ median: 10, sparsity: 0.6 });
  assertNotes(
    [dense, slow],
    /^No gain is to be expected/,
    /^60 % of the weights of a\.onnx are zero, which is too few/,
  );
  assertNotes([result({ median: 10 }), { ...slow, sparsity: 0 }], /^a\.onnx is not sparse/);
  assertNotes(
    [dense, { ...slow, ...result({ runtime: 'espalier/runtime', median: 5, sparsity: 0.6 }) }],
    /^No gain/,
  );
  assertNotes([result({ median: 10, sparsity: 0.9 }), { ...slow, sparsity: 0.9 }], /^No gain/);
  assertNotes([slow]);
});

test('fewer MACs that gain less than half of what they promise', () => {
  const [whole, half] = [result({ median: 10 }), result({ model: 'b.onnx', median: 9, macs: 50 })];
  assertNotes(
    [whole, half],
    /^b\.onnx on onnxruntime-node has 2\.0 × fewer MACs than a\.onnx but is only 1\.1 × as fast: .* memory/,
  );
  assertNotes(
    [whole, { ...half, oddMacs: 0.9 }],
    /: 90 % of its MACs are in layers .* --round-to 16 keeps such numbers\.$/,
  );
  assertNotes([whole, { ...half, median: 5.5, interval: [5, 6] }]);
  assertNotes([whole, { ...half, runtime: 'onnxruntime-web' }]);
});

test('intervals that overlap show no difference', () => {
  const first = result({ median: 10, interval: [8, 12] });
  assertNotes(
    [
      first,
      result({ model: 'b.onnx', median: 13, interval: [11, 15] }),
      result({ model: 'c.onnx', median: 20 }),
    ],
    /^No difference to a\.onnx on onnxruntime-node is shown for b\.onnx on onnxruntime-node: /,
  );
});

test('lanes that idle in the engine', () => {
  const engine = result({ runtime: 'espalier', median: 1, batch: 3 });
  assertNotes([engine], /16 samples side by side, so a run of 3 takes it as long as one of 16/);
  assertNotes([{ ...engine, batch: 16 }]);
});

test('channels that are no multiples of 8', () => {
  const network = (width: number) => {
    const b = builder({ name: 'test', seed: 1 });
    const x = b.conv(b.input('x', [3, 8, 8]), { out: 16, kernel: 3, pad: 1, name: 'one' });
    const y = b.conv(x, { out: width, kernel: 3, pad: 1, name: 'two' });
    return b.finish({ y: b.conv(y, { out: 16, kernel: 3, pad: 1, name: 'three' }) });
  };
  assert.equal(oddMacs(network(16)), 0);
  const [one, other] = [16 * 3, 2 * 16 * 12];
  assert.equal(oddMacs(network(12)), other / (one + other));
  assert.equal(oddMacs(buildNetwork('resnet20', { shape: [3, 32, 32], classes: 10, seed: 0 })), 0);
});

test('models without MACs, of which nothing is promised', () => {
  const none = { macs: 0, effectiveMacs: 0 };
  assertNotes([
    result({ ...none, median: 1, interval: [1, 1] }),
    result({ ...none, median: 2, interval: [2, 2] }),
  ]);
});
