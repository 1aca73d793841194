/**
 * Models of other things than images, from the command line: vectors, sequences, and tokens with a mask and types. Each is
 * trained, pruned and measured; the transformer's run is killed and resumed.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { integer, normal, type Random, random } from '../base/random.js';
import { sketch } from '../channels/sketch.test.fixture.js';
import { archive, reals, wholes } from '../data/npz.test.fixture.js';
import { type Graph, readModel, writeModel } from '../onnx/index.js';

const program = fileURLToPath(new URL('./main.js', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'espalier-arrays-'));
after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));

interface Outcome {
  status: number | null;
  out: string;
  err: string;
}

/** Runs espalier; killed once it has said what `until` matches. */
function espalier(line: string, until?: RegExp): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, ...line.split(' ')], { cwd: root });
    let [out, err] = ['', ''];
    child.stdout.on('data', (text) => {
      out += text;
    });
    child.stderr.on('data', (text) => {
      err += text;
      if (until?.test(err)) child.kill('SIGKILL');
    });
    child.on('close', (status) => resolve({ status, out, err }));
  });
}

/** Runs it to its end. @returns what it says as JSON. */
async function done(line: string) {
  const { status, out, err } = await espalier(`${line} --json --quiet`);
  assert.equal(status, 0, `${line}: ${err}`);
  return JSON.parse(out);
}

const at = (...names: string[]): string => join(root, ...names);
const bytes = (run: string) => readFileSync(at(run, 'model.onnx'));

/** So many samples of a kind, and labels. */
function draws(
  count: number,
  size: number,
  draw: (r: Random, label: number, i: number) => number,
  classes = 3,
) {
  const labels = Array.from({ length: count }, (_, n) => n % classes);
  const values = labels.flatMap((label, n) => {
    const r = random(7, 'sample', n);
    return Array.from({ length: size }, (_, i) => draw(r, label, i));
  });
  return { labels, values };
}

/** x [N, 8] → 24 → 16 → 3 */
function perceptron(): Graph {
  const s = sketch();
  const layer = (x: string, name: string, from: number, to: number) =>
    s.op('Gemm', [x, s.weight(name, from, to), s.weight(`${name}.bias`, to)]);
  const first = s.op('Relu', [layer(s.input('features', [8]), 'first', 8, 24)]);
  return s.finish(layer(s.op('Relu', [layer(first, 'second', 24, 16)]), 'head', 16, 3));
}

/** x [N, 2, 20] → two convolutions along the length with BatchNormalization → 3 */
function convolution(): Graph {
  const s = sketch();
  const block = (x: string, name: string, from: number, to: number) => {
    const y = s.op('Conv', [x, s.weight(name, to, from, 3)], { pads: [1, 1] });
    const [scale, shift, mean, variance] = ['scale', 'shift', 'mean', 'var'].map((part) =>
      s.weight(`${name}.${part}`, to),
    );
    return s.op('Relu', [s.op('BatchNormalization', [y, scale, shift, mean, variance])]);
  };
  const x = block(block(s.input('signal', [2, 20]), 'conv1', 2, 12), 'conv2', 12, 16);
  const pooled = s.op('Flatten', [s.op('GlobalAveragePool', [x])]);
  return s.finish(s.op('Gemm', [pooled, s.weight('head', 16, 3), s.weight('head.bias', 3)]));
}

const [LENGTH, WIDTH, HEADS, WORDS] = [6, 16, 2, 12];

/** Tokens → embeddings → attention under a mask → an MLP → the first token's class of 2; lengths are left open. */
function transformer(): Graph {
  const s = sketch(20);
  const linear = (x: string, name: string, from: number, to: number) =>
    s.op('Add', [s.op('MatMul', [x, s.weight(name, from, to)]), s.weight(`${name}.bias`, to)]);
  const norm = (x: string, name: string) =>
    s.op('LayerNormalization', [x, s.weight(`${name}.scale`, WIDTH), s.weight(`${name}.shift`, WIDTH)], {
      axis: -1,
    });
  const [ids, mask, types] = ['input_ids', 'attention_mask', 'token_type_ids'].map((name) =>
    s.input(name, [LENGTH], 'int64'),
  );
  const words = s.op('Gather', [s.weight('words', WORDS, WIDTH), ids]);
  const kinds = s.op('Gather', [s.weight('kinds', 2, WIDTH), types]);
  const x = norm(
    s.op('Add', [s.op('Add', [words, kinds]), s.weight('positions', 1, LENGTH, WIDTH)]),
    'norm1',
  );
  const split = (y: string, perm: number[]) =>
    s.op('Transpose', [s.op('Reshape', [y, s.ints(0, LENGTH, HEADS, WIDTH / HEADS)])], { perm });
  const [q, k, v] = ['query', 'key', 'value'].map((name) => linear(x, name, WIDTH, WIDTH));
  const hidden = s.op('Mul', [s.op('Sub', [s.scalar(1), s.op('Cast', [mask], { to: 1 })]), s.scalar(-10000)]);
  const scores = s.op('Mul', [
    s.op('MatMul', [split(q, [0, 2, 1, 3]), split(k, [0, 2, 3, 1])]),
    s.scalar(1 / Math.sqrt(WIDTH / HEADS)),
  ]);
  const attention = s.op('Softmax', [s.op('Add', [scores, s.op('Unsqueeze', [hidden, s.ints(1, 2)])])], {
    axis: -1,
  });
  const mixed = s.op('Transpose', [s.op('MatMul', [attention, split(v, [0, 2, 1, 3])])], {
    perm: [0, 2, 1, 3],
  });
  const joined = s.op('Reshape', [mixed, s.ints(0, LENGTH, WIDTH)]);
  const y = norm(s.op('Add', [x, linear(joined, 'out', WIDTH, WIDTH)]), 'norm2');
  const mlp = linear(s.op('Gelu', [linear(y, 'up', WIDTH, 32)]), 'down', 32, WIDTH);
  const first = s.op('Gather', [s.op('Add', [y, mlp]), s.index(0)], { axis: 1 });
  return s.finish(s.op('Gemm', [first, s.weight('head', WIDTH, 2), s.weight('head.bias', 2)]));
}

/** A sentence of class 1 has word 5 in it where the mask is 1; behind the mask it may be in any. */
function sentences(count: number) {
  const labels = Array.from({ length: count }, (_, n) => n % 2);
  const rows = labels.map((label, n) => {
    const r = random(3, 'sentence', n);
    const length = 3 + integer(r, LENGTH - 2);
    const ids = Array.from({ length: LENGTH }, (_, i) => {
      const word = integer(r, WORDS);
      return word === 5 && i < length ? 4 : word;
    });
    if (label === 1) ids[integer(r, length)] = 5;
    return { ids, mask: ids.map((_, i) => Number(i < length)), types: ids.map((_, i) => Number(i > 2)) };
  });
  const shape = [count, LENGTH];
  return {
    input_ids: wholes(
      shape,
      rows.flatMap(({ ids }) => ids),
    ),
    attention_mask: wholes(
      shape,
      rows.flatMap(({ mask }) => mask),
    ),
    token_type_ids: wholes(
      shape,
      rows.flatMap(({ types }) => types),
    ),
    y: wholes([count], labels),
  };
}

before(async () => {
  await writeModel(at('vectors.onnx'), perceptron());
  await writeModel(at('signals.onnx'), convolution());
  await writeModel(at('tokens.onnx'), transformer());
  const vectors = draws(330, 8, (r, label, i) => 0.6 * normal(r) + Number(i % 3 === label));
  writeFileSync(
    at('vectors.npz'),
    archive({ x: reals([330, 8], vectors.values), y: wholes([330], vectors.labels) }),
  );
  const wave = (label: number, i: number) => Math.sin((1 + label) * 0.7 * (i % 20) + i);
  const signals = draws(250, 40, (r, label, i) => 0.3 * normal(r) + wave(label, i));
  writeFileSync(
    at('signals.npz'),
    archive({
      x_train: reals([200, 2, 20], signals.values.slice(0, 8000)),
      y_train: wholes([200], signals.labels.slice(0, 200)),
      x_test: reals([50, 2, 20], signals.values.slice(8000)),
      y_test: wholes([50], signals.labels.slice(200)),
    }),
  );
  writeFileSync(at('tokens.npz'), archive(sentences(700)));
});

const exact = async (run: string, error = 1e-4) => {
  const { check } = JSON.parse(readFileSync(at(run, 'summary.json'), 'utf8')).export;
  assert.ok(check.samples > 0 && check.error < error, JSON.stringify(check));
  assert.doesNotMatch(readFileSync(at(run, 'report.html'), 'utf8'), /undefined|NaN/);
};

describe('each kind, trained and pruned', { concurrency: 2 }, () => {
  test('vectors: an MLP, its weights and its neurons', async () => {
    const task = '--data npz:vectors.npz --batch 50 --threads 1';
    const dense = await done(
      `train vectors.onnx ${task} --epochs 10 --lr 0.1 --validation 0.1 --out v/dense`,
    );
    assert.ok(dense.accuracy.after > 0.8, `${dense.accuracy.after}`);
    await exact('v/dense');
    const measured = await done('eval v/dense/model.onnx --data npz:vectors.npz');
    assert.equal(measured.accuracy, dense.accuracy.after);
    assert.equal(measured.count, 33);
    for (const flags of ['magnitude', 'gmp', 'snip', 'grasp', 'synflow', 'probmask']) {
      const pruned = await done(
        `prune v/dense/model.onnx ${task} --method ${flags} --sparsity 0.5 --epochs 4 --lr 0.05 --out v/${flags}`,
      );
      assert.ok(pruned.sparsity.after >= 0.5 && pruned.accuracy.after > 0.6, JSON.stringify(pruned.accuracy));
    }
    const slim = await done(
      `prune v/dense/model.onnx ${task} --method l1-filters --macs 0.5 --round-to 1 --epochs 4 --teacher self --out v/slim`,
    );
    assert.ok(slim.macs.after <= slim.macs.before / 2 && slim.accuracy.after > 0.7);
    await exact('v/slim');
  });

  test('sequences: a convolution along the length, its BatchNormalization measured anew', async () => {
    const task = '--data npz:signals.npz --batch 30 --threads 1';
    const dense = await done(`train signals.onnx ${task} --epochs 8 --lr 0.1 --out s/dense`);
    assert.ok(dense.accuracy.after > 0.9, `${dense.accuracy.after}`);
    const measured = await done('eval s/dense/model.onnx --data npz:signals.npz');
    assert.deepEqual([measured.accuracy, measured.count], [dense.accuracy.after, 50]);
    const slim = await done(
      `prune s/dense/model.onnx ${task} --method masksparsity --macs 0.5 --round-to 1 --epochs 6 --out s/slim`,
    );
    assert.ok(slim.macs.after <= slim.macs.before / 2 && slim.accuracy.after > 0.8);
    assert.ok(slim.channels.stages.some(({ what }: { what: string }) => what === 'recalibrated'));
    await exact('s/slim');
    const taylor = await done(
      `prune s/dense/model.onnx ${task} --method taylor --macs 0.6 --round-to 1 --epochs 4 --rounds 2 --out s/taylor`,
    );
    assert.ok(taylor.accuracy.after > 0.8);
    const { groups } = await done('sensitivity s/dense/model.onnx --data npz:signals.npz --densities 0.5');
    assert.ok(groups.length > 0);
  });

  test('tokens: a transformer of three inputs, killed and resumed', async () => {
    const task = '--data npz:tokens.npz --batch 50 --threads 1 --optimizer adam';
    const dense = await done(`train tokens.onnx ${task} --epochs 12 --lr 0.005 --out t/dense`);
    assert.ok(dense.accuracy.after > 0.85, `${dense.accuracy.after}`);
    await exact('t/dense');
    const line = `prune t/dense/model.onnx ${task} --method taylor --macs 0.7 --round-to 1 --epochs 4 --rounds 2 --lr 0.002 --teacher self`;
    const whole = await done(`${line} --out t/whole`);
    assert.ok(whole.macs.after <= 0.7 * whole.macs.before && whole.accuracy.after > 0.8);
    await exact('t/whole');
    const { inputs } = await readModel(at('t/whole/model.onnx'));
    assert.deepEqual(
      inputs.map(({ name, dtype }) => `${name} ${dtype}`),
      ['input_ids int64', 'attention_mask int64', 'token_type_ids int64'],
    );
    const killed = await espalier(`${line} --out t/pieces`, /^epoch 1 /m);
    assert.equal(killed.status, null, killed.err);
    await done('resume t/pieces');
    assert.ok(bytes('t/pieces').equals(bytes('t/whole')));
    const sparse = await done(
      `prune t/dense/model.onnx ${task} --method gmp --sparsity 0.6 --epochs 3 --lr 0.002 --out t/sparse`,
    );
    assert.ok(sparse.sparsity.after >= 0.6);
    await exact('t/sparse');
  });
});

test('what does not fit is said', async () => {
  const { y, ...ids } = sentences(20);
  const file = (name: string, arrays: Record<string, Uint8Array>) => {
    writeFileSync(at(name), archive(arrays));
    return name;
  };
  const far = wholes(
    [20, LENGTH],
    Array.from({ length: 20 * LENGTH }, (_, i) => (i === 30 ? 12 : 1)),
  );
  const two = Array.from({ length: 20 }, (_, i) => i % 2);
  const cases: [string, RegExp][] = [
    ['tokens.onnx --data digits', /has 3 inputs \(input_ids, .*give its data as npz:FILE/],
    ['vectors.onnx --data digits', /features is \[N, 8\], but images need \[N, channels, .*npz:FILE/],
    ['vectors.onnx --data npz:vectors.npz --normalize 0/1', /--normalize is for images, but features /],
    ['vectors.onnx --data npz:vectors.npz --size 8', /--size is for images/],
    ['vectors.onnx --data npz:signals.npz', /features is \[N, 8\] but the samples .* are \[N, 2, 20\]/],
    [
      `vectors.onnx --data npz:${file('short.npz', { x: reals([20, 7], Array(140).fill(1)), y })}`,
      /\[N, 7\]/,
    ],
    ['resnet8 --data npz:vectors.npz', /networks of the zoo are for images, .* are \[N, 8\]/],
    [
      'tokens.onnx --data npz:vectors.npz',
      /lacks input_ids and attention_mask and token_type_ids; it holds x, y/,
    ],
    [`tokens.onnx --data npz:${file('y.npz', ids)}`, /lacks y; it holds input_ids, attention_mask/],
    [
      `tokens.onnx --data npz:${file('far.npz', { ...ids, input_ids: far, y })}`,
      /Sample \d of the \w+ part has 12 in input_ids, but the model has rows 0 to 11/,
    ],
    [
      `tokens.onnx --data npz:${file('real.npz', { ...ids, attention_mask: reals([20, LENGTH], Array(20 * LENGTH).fill(1)), y })}`,
      /attention_mask in \S+ holds real numbers where the model takes whole ones/,
    ],
    [
      `vectors.onnx --data npz:${file('two.npz', { x: reals([20, 8], Array(160).fill(1)), y: wholes([20], two) })}`,
      /puts out 3 numbers .* but the data have 2 classes .*a classifier has one for each/,
    ],
  ];
  for (const [line, sentence] of cases) {
    const { status, err } = await espalier(`train ${line} --epochs 1 --out refused`);
    assert.match(err, sentence, line);
    assert.equal(status, 1, line);
  }
});
