/** prune --data none: channels and single weights at once, of models that no data set here fits. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { before, test } from 'node:test';
import { sketch } from '../channels/sketch.test.fixture.js';
import { graphOf } from '../graph/graph.test.fixture.js';
import { buildNetwork } from '../nn/index.js';
import {
  type DType,
  floats,
  floatTensor,
  isFloat,
  readModel,
  type Tensor,
  writeModel,
} from '../onnx/index.js';
import { onnxruntime } from '../runs/index.js';
import { shell } from './shell.test.fixture.js';

const { at, espalier } = shell('at-once');

const done = async (line: string) => {
  const { status, err } = await espalier(`${line} --quiet`);
  assert.equal(status, 0, err);
};
const summaryOf = (run: string) => JSON.parse(readFileSync(at(run, 'summary.json'), 'utf8'));
const maskOf = (run: string) => JSON.parse(readFileSync(at(run, 'mask.json'), 'utf8'));
const modelOf = (run: string) => readFileSync(at(run, 'model.onnx'));

/** Two inputs, token ids and numbers, each with a hidden layer of its own; two outputs. */
function twoInputs() {
  const s = sketch();
  const e = s.op('Gather', [s.weight('table', 20, 8), s.input('ids', [5], 'int64')]);
  const u = s.op('Relu', [s.op('MatMul', [e, s.weight('up', 8, 24)])]);
  const h = s.op('Relu', [s.op('MatMul', [s.input('x', [6]), s.weight('w1', 6, 32)])]);
  return s.finish(s.op('MatMul', [u, s.weight('down', 24, 8)]), s.op('MatMul', [h, s.weight('w2', 32, 3)]));
}

before(() => writeModel(at('two.onnx'), twoInputs()));

test('channels go to the target, in a model of two inputs and two outputs', async () => {
  await done('prune two.onnx --method l1-filters --macs 0.5 --round-to 1 --data none --out half');
  const { macs, accuracy, answers, export: exported, channels } = summaryOf('half');
  assert.ok(
    macs.after <= macs.before / 2 && macs.after > 0.45 * macs.before,
    `${macs.after} of ${macs.before}`,
  );
  assert.equal(accuracy, undefined);
  assert.ok(channels.error < 1e-5 && exported.check.samples > 0);
  const [, second] = answers;
  assert.equal(answers.length, 2);
  assert.ok(second.error > 0 && second.cosine < 1, 'the answers are no longer those of the model');
  const { initializers, inputs } = await readModel(at('half', 'model.onnx'));
  assert.ok(initializers.get('up')!.shape[1] < 24 || initializers.get('w1')!.shape[1] < 32);
  assert.deepEqual(
    inputs.map(({ name }) => name),
    ['ids', 'x'],
  );
  const report = readFileSync(at('half', 'report.html'), 'utf8');
  assert.match(report, /without data/);
  assert.match(report, /On random inputs, output \w+ differs by/);
  assert.doesNotMatch(report, /undefined|NaN/);
  const again = JSON.parse(readFileSync(at('half', 'mask.json'), 'utf8'));
  assert.deepEqual(Object.keys(again).length > 0, true);
});

test('weights are solved for from random inputs where that is asked for, with a word on what it is worth', async () => {
  const line = 'prune two.onnx --method l1-filters --macs 0.5 --round-to 1 --data none';
  const { status, err } = await espalier(`${line} --calibrate 100 --out fitted`);
  assert.equal(status, 0, err);
  assert.match(err, /There are no data, so the weights are fitted to random inputs/);
  assert.match(err, /Reconstructing \d+ layers from 100 samples, with at most \d+ MB/);
  const errorOf = (run: string) => summaryOf(run).answers.map(({ error }: { error: number }) => error);
  const [cut, fitted] = [errorOf('half'), errorOf('fitted')];
  assert.ok(
    fitted.some((error: number, i: number) => error < cut[i]),
    `${fitted} after ${cut}`,
  );
  await done(`${line} --calibrate 100 --no-reconstruct --out unfitted`);
  assert.deepEqual(modelOf('unfitted'), modelOf('half'));
});

test('wanda and sparsegpt look at samples: random ones where nothing else is there, with a word on it', async () => {
  for (const method of ['wanda', 'sparsegpt']) {
    const line = `prune two.onnx --method ${method} --sparsity 0.6 --data none`;
    const { status, err } = await espalier(`${line} --calibrate 64 --out ${method}`);
    assert.equal(status, 0, err);
    assert.match(err, /weights are chosen and fitted on random inputs/);
    const { initializers } = await readModel(at(method, 'model.onnx'));
    // Every layer has its share, by largest remainder.
    for (const name of ['up', 'down', 'w1', 'w2']) {
      const values = floats(initializers.get(name)!);
      const zeros = values.reduce((count, x) => count + (x === 0 ? 1 : 0), 0);
      assert.ok(Math.abs(zeros - 0.6 * values.length) < 1, `${method} ${name}: ${zeros} of ${values.length}`);
    }
    assert.match(
      (await espalier(`${line} --out refused`)).err,
      /needs samples: give --data, or --calibrate 512/,
    );
  }
  const plain = await espalier(
    'prune two.onnx --method magnitude --sparsity 0.5 --data none --calibrate 5 --no-reconstruct --out refused',
  );
  assert.match(plain.err, /magnitude looks at no samples without --reconstruct/);
  const gradual = await espalier(
    'prune two.onnx --method synflow --sparsity 0.5 --data none --calibrate 5 --out refused',
  );
  assert.match(gradual.err, /synflow uses no samples before training: leave --calibrate out/);
});

test('masks are compared, of runs or files, for the model that a run started with or one that is named', async () => {
  await done('prune two.onnx --method random-channels --macs 0.5 --round-to 1 --data none --out other');
  const { out } = await espalier('masks half other --json');
  const { model, groups, all } = JSON.parse(out);
  assert.match(model, /start\.onnx$/);
  const keeps = (run: string) =>
    (Object.values(maskOf(run)) as boolean[][]).flat().filter((kept) => kept).length;
  assert.deepEqual(all.kept, [keeps('half'), keeps('other')]);
  assert.ok(all.both < Math.min(...all.kept) && all.both / all.units > 0, 'alike in part');
  assert.equal(groups.length, Object.keys(maskOf('half')).length);
  const files = (await espalier('masks half/mask.json half/mask.json --model two.onnx')).out;
  assert.match(files, /^all +(\d+) +(\d+) +\2 +\2 .* 100\.0 %$/m);
  for (const [line, sentence] of [
    ['masks half', /Give two masks to compare, not 1/],
    ['masks half/mask.json other/mask.json', /made for is missing: give --model/],
    ['masks half nowhere', /Cannot read the mask file nowhere/],
  ] as const)
    assert.match((await espalier(line)).err, sentence);
});

test('the mask of such a run is taken by another', async () => {
  await done(
    'prune two.onnx --method random-channels --mask half/mask.json --round-to 1 --data none --out masked',
  );
  assert.deepEqual(modelOf('masked'), modelOf('half'));
});

test('the smallest weights go, exactly so many, and the report is as of any run', async () => {
  await done('prune two.onnx --method magnitude --sparsity 0.9 --data none --out zeros');
  const { sparsity, prunable, export: exported } = summaryOf('zeros');
  assert.equal(sparsity.after, Math.floor(0.9 * prunable.count) / prunable.count);
  assert.ok(exported.check.samples > 0);
  assert.ok(existsSync(at('zeros', 'report.html')));
});

test('a head that the ranking would empty keeps a weight, which is told; and targets beyond are refused', async () => {
  const s = sketch();
  const h = s.op('Relu', [s.op('MatMul', [s.input('x', [6]), s.weight('body', 6, 32)])]);
  const graph = s.finish(s.op('MatMul', [h, s.weight('head', 32, 3)]));
  const { initializers } = graph;
  const head = initializers.get('head')!;
  initializers.set('head', { ...head, data: (head.data as Float32Array).map((w) => w / 1e4) });
  await writeModel(at('head.onnx'), graph);
  const { out } = await espalier('prune head.onnx --method magnitude --sparsity 0.9 --data none --out held');
  assert.match(out, /The ranking would have removed every weight of head\. One weight is kept/);
  const { sparsity, prunable } = summaryOf('held');
  assert.equal(sparsity.after, Math.floor(0.9 * prunable.count) / prunable.count);
  assert.deepEqual(prunable.held, ['head']);
  const kept = (run: string) => summaryOf(run).prunable.layers.map(({ kept }: { kept: number }) => kept);
  assert.deepEqual(kept('held'), [28, 1]);
  assert.match(readFileSync(at('held', 'report.html'), 'utf8'), /would have removed every weight of head/);
  await done('prune head.onnx --method magnitude --sparsity 0.9 --allow-empty --data none --out empty');
  assert.deepEqual(kept('empty'), [29, 0]);
  const { status, err } = await espalier(
    'prune head.onnx --method magnitude --sparsity 0.9999 --data none --out beyond',
  );
  assert.equal(status, 1);
  assert.match(
    err,
    /A sparsity of 0\.9999 is out of reach: .* only 286 can be pruned; ask for at most 0\.99305/,
  );
});

test('a model of 16-bit floats stays one, in half the bytes', async () => {
  const wide = buildNetwork('resnet8', { shape: [3, 16, 16], classes: 10, seed: 0, width: 0.5 });
  const narrow = <T extends { dtype: DType }>(each: T): T =>
    each.dtype === 'float32' ? { ...each, dtype: 'float16' } : each;
  const graph = {
    ...wide,
    inputs: wide.inputs.map(narrow),
    outputs: wide.outputs.map(narrow),
    initializers: new Map([...wide.initializers].map(([name, tensor]) => [name, narrow(tensor)])),
  };
  await writeModel(at('wide.onnx'), wide);
  await writeModel(at('half.onnx'), graph);
  const bytes = statSync(at('half.onnx')).size;
  assert.ok(bytes < 0.55 * statSync(at('wide.onnx')).size);
  assert.match((await espalier('inspect half.onnx')).out, /float16, computed in float32/);

  const { out } = await espalier(
    'prune half.onnx --method magnitude --sparsity 0.5 --data none --out halves',
  );
  assert.match(out, /Weights of float16 are stored in 16 bits: the run computed in float32/);
  const { bytes: changed, export: exported } = summaryOf('halves');
  assert.equal(changed.raw.before, bytes);
  assert.ok(Math.abs(changed.raw.after - bytes) < 100, `${changed.raw.after} of ${bytes}`);
  assert.ok(exported.check.samples > 0);

  await done('prune half.onnx --method l1-filters --bytes 0.5 --round-to 1 --data none --out narrower');
  assert.ok(statSync(at('narrower', 'model.onnx')).size <= 0.5 * bytes);
  const { inputs, outputs, initializers } = await readModel(at('narrower', 'model.onnx'));
  const dtypes = [...inputs, ...outputs, ...initializers.values()].map(({ dtype }) => dtype);
  assert.deepEqual(new Set(dtypes.filter(isFloat)), new Set(['float16']));
  const { InferenceSession, Tensor } = (await onnxruntime())!;
  const session = await InferenceSession.create(at('narrower', 'model.onnx'), { logSeverityLevel: 3 });
  const x = new Tensor('float16', new Uint16Array(3 * 16 * 16).fill(0x3c00), [1, 3, 16, 16]);
  const [answer] = Object.values(await session.run({ [session.inputNames[0]]: x }));
  assert.deepEqual([answer.type, answer.dims], ['float16', [1, 10]]);
  await session.release();
});

test('a model that does not pass its check is kept beside its name, with its figures', async () => {
  const graph = graphOf({
    inputs: { x: ['N', 8] },
    weights: { up: [8, 16], down: [16, 4] },
    nodes: [
      ['MatMul', ['x', 'up'], 'a'],
      ['Mul', ['a', 'a'], 'b'],
      ['Neg', ['b'], 'c'],
      ['Sqrt', ['c'], 'd'],
      ['MatMul', ['d', 'down'], 'y'],
    ],
    outputs: { y: ['N', 4] },
  });
  await writeModel(at('nan.onnx'), graph);
  const { status, err } = await espalier(
    'prune nan.onnx --method magnitude --sparsity 0.5 --data none --out nan',
  );
  assert.equal(status, 1);
  assert.match(
    err,
    /did not pass its check and was written to .*model\.unchecked\.onnx instead: .*'y' are not as many/,
  );
  assert.ok(!existsSync(at('nan', 'model.onnx')) && !existsSync(at('nan', 'summary.json')));
  const { sparsity } = JSON.parse(readFileSync(at('nan', 'summary.unchecked.json'), 'utf8'));
  assert.equal(sparsity.after, 0.5);
  const kept = floats((await readModel(at('nan', 'model.unchecked.onnx'))).initializers.get('up')!);
  assert.ok(kept.includes(0));
  assert.equal((await espalier('resume nan')).status, 1, 'it is no finished run');
});

test('weights that are whole numbers become their zero point', async () => {
  const bytes = (...shape: number[]): Tensor => ({
    dtype: 'int8',
    shape,
    data: Int8Array.from({ length: shape[0] * shape[1] }, (_, i) => (i * 37) % 101),
  });
  const graph = graphOf({
    inputs: { x: ['N', 8] },
    constants: {
      w: bytes(8, 4),
      s: floatTensor([], [0.01]),
      z: { ...bytes(1, 1), shape: [], data: Int8Array.of(50) },
    },
    nodes: [
      ['DequantizeLinear', ['w', 's', 'z'], 'd'],
      ['MatMul', ['x', 'd'], 'y'],
    ],
    outputs: { y: ['N', 4] },
  });
  await writeModel(at('bytes.onnx'), graph);
  await done('prune bytes.onnx --method magnitude --sparsity 0.5 --data none --out bytes');
  const was = Array.from(graph.initializers.get('w')!.data, Number);
  const [cut] = was
    .map((q) => Math.abs(q - 50))
    .sort((a, b) => a - b)
    .slice(15);
  const { initializers } = await readModel(at('bytes', 'model.onnx'));
  assert.deepEqual(
    Array.from(initializers.get('w')!.data, Number),
    was.map((q) => (Math.abs(q - 50) <= cut ? 50 : q)),
  );
});

test('a run that was killed is done again, to the same bytes', async () => {
  const [whole, cut] = ['zeros', 'cut'];
  cpSync(at(whole), at(cut), { recursive: true });
  for (const file of ['model.onnx', 'summary.json', 'report.html']) rmSync(at(cut, file));
  await done(`resume ${cut}`);
  assert.deepEqual(modelOf(cut), modelOf(whole));
});

test('a target that the model meets as it is removes nothing, and that is said', async () => {
  const { err } = await espalier(
    'prune two.onnx --method l1-filters --params 300k --data none --calibrate 16 --out met',
  );
  assert.match(
    err,
    /No channel is removed: the model meets the target \(--params\) as it is\. Give a smaller one/,
  );
});

test('what takes data is refused with a sentence, and nothing is left behind', async () => {
  const cases: [string, RegExp][] = [
    [
      '--method l1-filters --macs 0.5',
      /The data are missing: give --data, such as --data digits, or --data none/,
    ],
    [
      '--method l1-filters --macs 0.5 --epochs 2 --data none',
      /--epochs needs data: leave it out, or give --data/,
    ],
    [
      '--method l1-filters --macs 0.5 --reconstruct --data none',
      /--reconstruct needs samples: give --data, or --calib/,
    ],
    ['--method gmp --sparsity 0.5 --data none', /gmp prunes during training: give --data/],
    ['--method probmask --sparsity 0.5 --data none', /probmask prunes during training: give --data/],
    [
      '--method snip --sparsity 0.5 --data none',
      /snip goes by gradients, and these need a training: give --data/,
    ],
    ['--method masksparsity --macs 0.5 --data none', /masksparsity needs the scales of BatchNorm/],
    ['--method eagleeye --macs 0.5 --data none', /eagleeye measures candidate networks on data: give --data/],
    ['--method l1-filters --macs 0.001 --data none', /out of reach/],
  ];
  for (const [flags, sentence] of cases) {
    const { status, err } = await espalier(`prune two.onnx ${flags} --out refused`);
    assert.ok(status === 1, flags);
    assert.match(err, sentence);
    assert.ok(!existsSync(at('refused', 'model.onnx')) && !existsSync(at('refused', 'recipe.json')), flags);
  }
});

/** Two layers and an operator that espalier does not know. */
function unknown(op: string) {
  const s = sketch(13);
  const h = s.relu(s.linear(s.linear(s.input('x', [6]), 'a', 6, 16), 'b', 16, 8));
  return s.finish(s.op(op, [h]));
}

test('operators that espalier does not know stay, are told of, and are checked by onnxruntime, with what comes before them compared', async () => {
  await writeModel(at('hardmax.onnx'), unknown('Hardmax'));
  const pruned = {
    'l1-filters --macs 0.6 --round-to 1': 'hardmax-channels',
    'magnitude --sparsity 0.5': 'hardmax-weights',
  };
  for (const [how, out] of Object.entries(pruned)) {
    await done(`prune hardmax.onnx --method ${how} --data none --out ${out}`);
    const { export: exported, channels, macs, effectiveMacs } = summaryOf(out);
    assert.equal(exported.check.samples, 8);
    assert.ok(exported.check.error < 1e-5);
    assert.match(exported.check.note, /Hardmax.*onnxruntime runs it, and gives what the engine gives for/);
    assert.ok(effectiveMacs.after <= 0.6 * macs.before);
    if (channels) assert.ok(channels.error < 1e-5);
    assert.match(
      readFileSync(at(out, 'report.html'), 'utf8'),
      /onnxruntime [\d.]+ loads model.onnx and runs it on 8 samples; .* but as far as .*, where both agree to/,
    );
  }
  const bench = await espalier('bench hardmax.onnx --runtimes onnxruntime-node --runs 3');
  assert.equal(bench.status, 0, bench.err);
  const { status, err } = await espalier('bench hardmax.onnx --runtimes espalier --runs 3');
  assert.deepEqual([status, /operator of Hardmax/.test(err)], [1, true]);
});

test('a model that nothing here can run is pruned, with a word that it was not checked', async () => {
  await writeModel(at('swirl.onnx'), unknown('vendor.Swirl'));
  for (const how of ['l1-filters --macs 0.6 --round-to 1', 'magnitude --sparsity 0.5']) {
    const out = how.split(' ')[0];
    const {
      status,
      out: said,
      err,
    } = await espalier(`prune swirl.onnx --method ${how} --data none --out ${out}`);
    assert.equal(status, 0, err);
    assert.match(err, /does not know the operators vendor\.Swirl \(1\): their MACs are not counted/);
    assert.match(said, /Not checked: espalier cannot compute this model \(.*Swirl.*neither can onnxruntime/);
    assert.match(readFileSync(at(out, 'report.html'), 'utf8'), /Not checked: espalier cannot compute/);
    assert.ok(existsSync(at(out, 'model.onnx')));
  }
});

/** Tokens that a shape spells out in two ways, of which one follows the length. */
function tokens() {
  const s = sketch();
  const x = s.input('x', ['T', 12]);
  const y = s.relu(s.linear(x, 'a', 12, 16));
  const sizes = [0, 1].map((axis) =>
    s.op('Unsqueeze', [s.op('Gather', [s.op('Shape', [y]), s.index(axis)]), s.ints(0)]),
  );
  const shape = s.op('Concat', [...sizes, s.ints(2, 8)], { axis: 0 });
  const largest = s.op('ReduceMax', [s.op('Reshape', [y, shape])], { axes: [2], keepdims: 0 });
  return s.finish(s.linear(largest, 'b', 8, 3));
}

test('a model that is pruned at one length is checked at others, and leaves them open', async () => {
  await writeModel(at('tokens.onnx'), tokens());
  const how = '--method l1-filters --channels 0.5 --round-to 1 --data none --input-shape x=1,6,12';
  await done(`prune tokens.onnx ${how} --out tokens`);
  const { inputs, initializers } = await readModel(at('tokens', 'model.onnx'));
  assert.deepEqual(inputs[0].shape, ['N', 'T', 12]);
  assert.ok(initializers.get('a')!.shape[1] < 16);
});
