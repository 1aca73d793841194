/** The seam, on the engine that ESPALIER_ENGINE names. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { UserError } from '../base/index.js';
import { assemble } from './lowering/assemble.js';
import { callsTo } from './lowering/calls.js';
import { FILL_RUN, LANES } from './lowering/contract.js';
import { NOTHING_PLANNED } from './lowering/plan.js';
import type { Step } from './lowering/steps.js';
import { type Machine, profileStride } from './machine.js';
import { blockAt } from './memory.js';
import { processor } from './native/addon.js';
import { openMachine } from './open.js';

/** A program that fills `length` floats at `target`, one step for each value. */
function fillProgram(machine: Machine, target: number, length: number, values: number[]): number {
  const steps: Step[] = [];
  const { fill } = callsTo({
    told: machine.told,
    step: (kernel, items, words) => steps.push({ kernel, items, words }),
    scratch: (lines) => blockAt(machine.allocate(lines * 64), lines * LANES),
  });
  for (const value of values) fill({ target: { buffer: blockAt(target, length) }, floats: length, value });
  const { words } = assemble(machine, steps, NOTHING_PLANNED, 0);
  const program = machine.allocate(words.length * 4);
  machine.ints(program, words.length).set(words);
  machine.push(program, words.length);
  return program;
}

async function withMachine(threads: number, body: (machine: Machine) => Promise<void>): Promise<void> {
  const machine = await openMachine({ threads });
  try {
    await body(machine);
  } finally {
    await machine.close();
  }
}

/** Runs a module in a process of its own. */
function runAlone(source: string, env: NodeJS.ProcessEnv = {}) {
  const start = `import { openMachine } from ${JSON.stringify(new URL('./open.js', import.meta.url))};`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', start + source], {
    env: { ...process.env, ...env },
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (data) => (output += data));
  child.stderr.on('data', (data) => (errors += data));
  return new Promise<{ status: number | null; output: string; errors: string }>((resolve) =>
    child.on('close', (status) => resolve({ status, output, errors })),
  );
}

for (const threads of [1, 2, 3])
  test(`a program of many steps on ${threads} threads`, () =>
    withMachine(threads, async (machine) => {
      const length = 10 * FILL_RUN + 5;
      const target = machine.allocate(length * 4);
      const after = machine.allocate(4);
      const program = fillProgram(machine, target, length, [3, 4, 2.5]);
      const view = machine.floats(target, length);
      for (let repeat = 0; repeat < 3; repeat++) {
        view.fill(-1);
        machine.push(target, length);
        await machine.run(program);
        await machine.pull(target, length);
        assert.ok(view.every((value) => value === 2.5));
      }
      await machine.pull(after, 1);
      assert.equal(machine.ints(after, 1)[0], 0);
      assert.equal(machine.threads, threads);
      assert.match(machine.description, new RegExp(`^${machine.kind}, .*, ${threads} threads?$`));
      assert.ok([4, 8, 16].includes(machine.lanesPerVector));
    }));

test('runs asked for together happen one after the other', () =>
  withMachine(2, async (machine) => {
    const target = machine.allocate(FILL_RUN * 4);
    const programs = [1, 2, 3].map((value) => fillProgram(machine, target, FILL_RUN, [value]));
    const seen: number[] = [];
    await Promise.all(
      programs.map((program) => machine.run(program).then(() => seen.push(machine.floats(target, 1)[0]))),
    );
    await machine.pull(target, FILL_RUN);
    assert.equal(machine.floats(target, FILL_RUN)[FILL_RUN - 1], 3);
    assert.equal(seen.length, 3);
  }));

test('the profile counts the time of each step and of the run, for each thread', () =>
  withMachine(2, async (machine) => {
    const length = 8 * FILL_RUN;
    const program = fillProgram(machine, machine.allocate(length * 4), length, Array(9).fill(1));
    const stride = profileStride(9);
    assert.equal(stride, 2);
    const profile = machine.allocate(2 * stride * 64);
    await machine.run(program, profile);
    const [first, second] = [0, 1].map((thread) => machine.doubles(profile + thread * stride, 10));
    for (const times of [first, second]) {
      assert.ok(times[9] > 0 && times.every((time) => time >= 0));
      assert.ok(times.subarray(0, 9).reduce((sum, time) => sum + time) <= times[9] * 1.001);
    }
    const before = first[9];
    await machine.run(program, profile);
    assert.ok(first[9] > before, 'times add up');
  }));

test('memory is zero when it is got, aligned, and views outlive later allocations', () =>
  withMachine(1, async (machine) => {
    const small = machine.allocate(100);
    const early = machine.floats(small, 25).fill(7);
    const big = machine.allocate(40 * 2 ** 20);
    assert.equal(big % 64, 0, 'a big block starts at a page');
    assert.ok(small > 0);
    const bytes = machine.bytes(big, 40 * 2 ** 20);
    assert.ok(bytes.every((byte) => byte === 0));
    bytes.fill(255);
    machine.free(big);
    const again = machine.allocate(40 * 2 ** 20);
    assert.equal(again, big, 'first fit');
    assert.ok(machine.bytes(again, 40 * 2 ** 20).every((byte) => byte === 0));
    early[0] = 8;
    assert.equal(machine.floats(small, 25)[0], 8);
    await machine.run(fillProgram(machine, small, 25, [9]));
    await machine.pull(small, 25);
    assert.equal(early[24], 9);
    assert.throws(() => machine.free(again + 1), RangeError);
  }));

test('a block beyond 2 GiB is seen and filled like any other', (t) =>
  withMachine(1, async (machine) => {
    const block = machine.allocate(64);
    const far = 2 ** 31 / 64 - 32;
    try {
      machine.allocate(2.5 * 2 ** 30);
    } catch {
      return t.skip('this machine is too small');
    }
    const line = block + far;
    await machine.run(fillProgram(machine, line, 4096, [6]));
    await machine.pull(line, 4096);
    assert.ok(machine.floats(line, 4096).every((value) => value === 6));
  }));

test('memory that is not there is a sentence, and what was there stays', () =>
  withMachine(1, async (machine) => {
    const sentence =
      /^Not enough memory: 1000000 MB more are needed and the \w+ engine has \d+ MB left of \d+ MB; /;
    assert.throws(
      () => machine.allocate(1e12),
      (error) => error instanceof UserError && sentence.test(error.message),
    );
    assert.ok(machine.allocate(1000) > 0);
  }));

test('settings that cannot be met are a sentence', async () => {
  for (const threads of [0, -1, 1.5, Number.NaN, 1000])
    await assert.rejects(openMachine({ threads }), /^UserError: The number of threads is/);
  await assert.rejects(openMachine({ engine: 'gpu' as 'wasm' }), /^UserError: The engine is "gpu"/);
  const { status, errors } = await runAlone(
    'await openMachine().catch((error) => console.error(error.message));',
    {
      ESPALIER_THREADS: 'many',
    },
  );
  assert.equal(
    errors,
    'The number of threads is "many", but must be a whole number from 1 to 256: correct --threads or ESPALIER_THREADS.\n',
  );
  assert.equal(status, 0);
});

test('a closed machine runs nothing and gives nothing, and closing twice is closing', async () => {
  const machine = await openMachine({ threads: 2 });
  const target = machine.allocate(FILL_RUN * 4);
  const program = fillProgram(machine, target, FILL_RUN, [1]);
  const pending = machine.run(program);
  await Promise.all([machine.close(), machine.close(), pending]);
  await assert.rejects(machine.run(program), /closed/);
  assert.throws(() => machine.allocate(1), UserError);
  assert.throws(() => machine.floats(target, 1), UserError);
  machine.free(target);
});

test('a long run leaves the event loop free', () =>
  withMachine(1, async (machine) => {
    const length = 64 * FILL_RUN;
    const program = fillProgram(machine, machine.allocate(length * 4), length, Array(400).fill(1));
    let turns = 0;
    let running = true;
    const turn = () => {
      turns++;
      if (running) setImmediate(turn);
    };
    setImmediate(turn);
    await machine.run(program);
    running = false;
    assert.ok(turns > 10, `${turns} turns of the event loop`);
  }));

test('a thousand runs leave no memory behind', () =>
  withMachine(2, async (machine) => {
    const program = fillProgram(machine, machine.allocate(4096), 1024, [1]);
    const runs = async (count: number) => {
      for (let i = 0; i < count; i++) await machine.run(program);
      return process.memoryUsage().rss;
    };
    const before = await runs(200);
    const after = await runs(1000);
    assert.ok(after - before < 20e6, `${after - before} bytes more`);
  }));

test('several machines in one process, and one in a worker thread', async () => {
  const machines = await Promise.all([openMachine({ threads: 2 }), openMachine({ threads: 1 })]);
  const targets = machines.map((machine) => machine.allocate(FILL_RUN * 4));
  await Promise.all(
    machines.map((machine, i) => machine.run(fillProgram(machine, targets[i], FILL_RUN, [i + 1]))),
  );
  for (const [i, machine] of machines.entries()) {
    await machine.pull(targets[i], 1);
    assert.equal(machine.floats(targets[i], 1)[0], i + 1);
  }
  await Promise.all(machines.map((machine) => machine.close()));
  const source = `import(${JSON.stringify(new URL('./open.js', import.meta.url))})
    .then(({ openMachine }) => openMachine({ threads: 2 })).then((machine) => machine.allocate(10))`;
  const status = await new Promise((resolve, reject) =>
    new Worker(source, { eval: true }).on('error', reject).on('exit', resolve),
  );
  assert.equal(status, 0);
});

test('a process ends by itself when idle, after a run, and in the midst of one', async () => {
  const long = `const m = await openMachine({ threads: 2 });
    const { arena, independent } = await import(${JSON.stringify(new URL('./memory.js', import.meta.url))});
    const memory = arena(m), buffer = memory.take(2 ** 20);
    const program = independent(m, memory, (call) => {
      for (let i = 0; i < 100; i++) call.fill({ target: { buffer }, floats: 2 ** 20, value: 0 });
    });`;
  const [idle, ran, cut] = await Promise.all([
    runAlone('await openMachine(); console.log("opened")'),
    runAlone(`${long} m.run(program).then(() => console.log("ran"))`),
    runAlone(`${long} m.run(program); setImmediate(() => process.exit(3))`),
  ]);
  assert.deepEqual(idle, { status: 0, output: 'opened\n', errors: '' });
  assert.deepEqual(ran, { status: 0, output: 'ran\n', errors: '' });
  assert.deepEqual(cut, { status: 3, output: '', errors: '' });
});

test('without the addon WebAssembly takes over and one line says why; asked for, its lack is a sentence', async () => {
  const env = { ESPALIER_NATIVE_PATH: '/nowhere/espalier.node', ESPALIER_ENGINE: '' };
  const both = await runAlone(
    `const a = await openMachine(), b = await openMachine(); console.log(a.kind, b.kind);
     await openMachine({ engine: 'native' }).catch((error) => console.log(error.name, error.message));`,
    env,
  );
  const why = 'it has not been built here (npm run build:native builds it)';
  assert.deepEqual(both, {
    status: 0,
    output: `wasm wasm\nUserError The native engine cannot be used: ${why}; use --engine wasm instead.\n`,
    errors: `espalier: slower without the native engine: ${why}.\n`,
  });
});

test('an addon that was built from other kernels is refused in a sentence', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-addon-'));
  const path = join(folder, 'espalier.node');
  writeFileSync(path, '');
  writeFileSync(`${path}.json`, JSON.stringify({ processor: processor(), sources: 'others' }));
  const { output } = await runAlone(
    "await openMachine({ engine: 'native' }).catch((error) => console.log(error.name, error.message));",
    { ESPALIER_NATIVE_PATH: path },
  );
  rmSync(folder, { recursive: true });
  assert.match(
    output,
    /^UserError .* built from other kernels than these \(npm run build:native builds it anew\)/,
  );
});

test('WebAssembly does without relaxed-simd when told to, and says so', async () => {
  const program = `await openMachine({ engine: 'wasm' })
    .then(({ description }) => console.log(description), (error) => console.log(error.message));`;
  assert.match((await runAlone(program, { ESPALIER_WASM: 'simd128' })).output, /^wasm, simd128, /);
  assert.equal(
    (await runAlone(program, { ESPALIER_WASM: 'fast' })).output,
    'ESPALIER_WASM is "fast", but must be simd128 or unset: correct it.\n',
  );
});

test('when to leave weights out is auto, always or never', async () => {
  const wrong = await runAlone('openMachine().catch((error) => console.log(error.message));', {
    ESPALIER_SPARSE: 'sometimes',
  });
  assert.equal(
    wrong.output,
    'ESPALIER_SPARSE is "sometimes", but must be auto, always or never: correct it.\n',
  );
});
