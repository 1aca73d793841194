/** Methods that remove channels, from the command line, on the digits: a run stopped in every stage, and what is refused. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { stagedMethods, stagedShell } from './structured.test.fixture.js';

const { at, espalier, stopped, task, prune, stages, assertSame, assertMetrics } = stagedShell('structured');

const json = (...names: string[]) => JSON.parse(readFileSync(at(...names), 'utf8'));

for (const [method, flags] of Object.entries(stagedMethods))
  test(`${method}: a run stopped in every stage and resumed ends as if it had not been`, async () => {
    const line = prune(`--method ${method} ${flags}`);
    const [whole, pieces] = [`${method}-whole`, `${method}-pieces`];
    const { status, err } = await espalier(`${line} --out ${whole} --json`);
    assert.equal(status, 0, err);
    const all = stages(whole);
    assert.ok(all.length > 2);

    const trained = all.filter((stage) => stage.trained).map(({ stage }) => stage);
    for (const [i, stage] of trained.entries()) {
      const cut = await stopped(
        i === 0 ? `${line} --out ${pieces}` : `resume ${pieces} --threads 2`,
        new RegExp(`Stage ${stage} [^]*^epoch 1 `, 'm'),
      );
      assert.equal(cut.status, 130, `${stage}: ${cut.err}`);
      for (const done of trained.slice(0, Math.max(0, i - 1)))
        assert.ok(!cut.err.includes(`Stage ${done} `), `${done} is done again`);
    }
    const resumed = await espalier(`resume ${pieces}`);
    assert.equal(resumed.status, 0, resumed.err);
    assertSame(pieces, whole);
    assertMetrics(
      pieces,
      all.map(({ stage }) => stage),
    );
  });

test('stages, masks and figures of a run; the result is pruned again, and its mask by another method', async () => {
  const first = await espalier(
    prune('--method masksparsity --macs 0.5 --epochs 3 --out first --json --quiet'),
  );
  assert.equal(first.status, 0, first.err);
  assert.equal(first.err, '');
  const summary = JSON.parse(first.out);
  const { macs, bytes, params, channels } = summary;
  assert.ok(macs.after <= macs.target && macs.target === macs.before / 2 && params.after < params.before);
  assert.equal(bytes.raw.after, readFileSync(at('first', 'model.onnx')).length);
  assert.ok(bytes.raw.after < bytes.raw.before);
  assert.deepEqual(
    channels.stages.map(({ stage, what }: { stage: string; what: string }) => `${stage} ${what}`),
    [
      '1-sparse trained',
      '3-marked trained',
      '4-prune pruned',
      '4-prune recalibrated',
      '4-prune reconstructed',
      '5-fine-tune trained',
    ],
  );
  assert.equal(summary.accuracy.after, channels.stages.at(-1).accuracy);
  const mask: Record<string, boolean[]> = json('first', 'mask.json');
  for (const { name, before, after } of channels.groups)
    assert.equal(mask[name]?.filter((kept) => kept).length ?? before, after);
  assert.ok(channels.frozen.every(({ reason }: { reason: string }) => reason.length > 5));
  const report = readFileSync(at('first', 'report.html'), 'utf8');
  for (const title of [
    'Channels kept per group',
    'The network before and after',
    'Stages',
    'What stays whole',
  ])
    assert.ok(report.includes(title), title);
  const netron = json('first', 'model.netron.json').metrics.filter(
    ({ target }: { target: string }) => target === 'layer2.0.conv1.weight',
  );
  assert.deepEqual(
    netron.map(({ name }: { name: string }) => name),
    ['density', 'importance', 'group'],
  );

  const [again, other, thin] = await Promise.all([
    espalier(`prune first/model.onnx ${task} --method gmp --sparsity 0.8 --epochs 2 --out second --json`),
    espalier(prune('--method mask-l1 --mask first/mask.json --epochs 2 --out third --json')),
    espalier(
      `prune first/model.onnx ${task} --method l1-filters --channels 0.5 --round-to 1 --epochs 0 --out fourth --json`,
    ),
  ]);
  for (const { status, err } of [again, other, thin]) assert.equal(status, 0, err);
  const [combined, masked, cut] = [again, other, thin].map(({ out }) => JSON.parse(out));
  assert.ok(Math.abs(combined.sparsity.after - 0.8) < 1e-3 && combined.macs.after === macs.after);
  assert.deepEqual(masked.macs.after, macs.after);
  assert.deepEqual(json('third', 'mask.json'), mask);
  assert.ok(cut.channels.units.after <= cut.channels.units.target && cut.epochs === 0);
});

test('a measured latency can be the target', async () => {
  const line = prune('--method l1-filters --latency 0.99 --epochs 0 --out latency --json');
  const { status, out, err } = await espalier(line);
  // On a network so small channels hardly cost time, and that is said.
  assert.ok(status === 0 || /out of reach: of [\d.]+ ms/.test(err), err);
  if (status === 0) assert.ok(JSON.parse(out).latency.target > 0);
});

test('what cannot be is refused in a sentence', async () => {
  writeFileSync(at('wrong.json'), '{"conv9": [true]}');
  const cases: [string, RegExp][] = [
    ['--method masksparsity --sparsity 0.9', /masksparsity removes whole channels.*--macs 0\.5/],
    ['--method fggp --macs 0.5', /fggp removes single weights.*--sparsity 0\.9/],
    ['--method fggp --sparsity 0.9 --vote', /fggp removes single weights and has no setting vote/],
    ['--method lamp', /target is missing: give --macs/],
    ['--method lamp --macs 0.5 --params 0.5', /two targets, --macs and --params/],
    ['--method lamp --macs 5x', /macs must be a fraction .* or an amount such as 40M/],
    ['--method fggp --sparsity 0.9 --epochs 0', /give --epochs 1 or more/],
    ['--method lamp --macs 0.5 --epochs 4 --fine-tune 5', /have 5 epochs, but the run has 4/],
    ['--method eagleeye --latency 0.5', /give --macs instead of --latency/],
    [
      '--method lamp --macs 0.00001',
      /out of reach: of .* MACs, removing everything that may go leaves .* ask for at least/,
    ],
    ['--method masksparsity --channels 0.001', /channels are out of reach: .*ask for at least 0\./],
    ['--method lamp --mask wrong.json', /mask for 'conv9'/],
    ['--method lamp --macs 0.5 --ignore conv9', /no weight 'conv9'/],
  ];
  for (let i = 0; i < cases.length; i += 2)
    await Promise.all(
      cases.slice(i, i + 2).map(async ([flags, message], k) => {
        const outcome = await espalier(`prune dense/model.onnx ${task} ${flags} --quiet --out refused-${k}`);
        assert.equal(outcome.status, 1, `${flags}: ${outcome.err}`);
        assert.match(outcome.err, /^espalier: [^\n]+\n$/);
        assert.match(outcome.err, message);
      }),
    );
  for (const k of [0, 1]) assert.ok(!existsSync(at(`refused-${k}`)), 'nothing half-done is left');
});

test('inspect lists the groups, sensitivity thins them', async () => {
  const [text, machine, scan] = await Promise.all([
    espalier('inspect dense/model.onnx'),
    espalier('inspect dense/model.onnx --ignore conv1.weight --json'),
    espalier(
      'sensitivity dense/model.onnx --data digits --densities 0.75,0.25 --samples 256 --out scan --json',
    ),
  ]);
  for (const { status, err } of [text, machine, scan]) assert.equal(status, 0, err);
  assert.match(text.out, /^conv1\.weight +\d+ +layer1\.0\.conv2\.weight/m);
  assert.match(text.out, /^linear\.weight, outputs +its positions are an output of the model/m);
  const { groups, frozen } = JSON.parse(machine.out).channels;
  assert.ok(groups.length > 0 && frozen.some(({ tensor }: { tensor: string }) => tensor === 'conv1.weight'));
  const { rows, images, whole } = JSON.parse(scan.out);
  assert.equal(images, 256);
  assert.ok(rows.length >= 8 && rows.every(({ value }: { value: number }) => value <= whole + 0.05));
  assert.deepEqual(json('scan', 'sensitivity.json').rows, rows);
  assert.match(readFileSync(at('scan', 'sensitivity.html'), 'utf8'), /aria-label="Sensitivity"/);
});
