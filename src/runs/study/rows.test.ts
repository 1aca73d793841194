/** Results for other programs, and questions to runs. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { asCsv } from '../track/csv.js';
import { query, writeParquet } from './duckdb.js';
import { readResult, runRows, settingRows } from './rows.js';
import { type FailedLine, type RunLine, summarizeStudy } from './table.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-rows-'));
after(() => rmSync(root, { recursive: true, force: true }));

const PACKAGE: string = '@duckdb/node-api';
const without = await import(PACKAGE).then(
  () => undefined,
  () => `${PACKAGE} is not installed`,
);

const at = (method: string) => ({ at: { method }, settings: { method, lr: 0.1 } });
const run = (method: string, seed: number, accuracy: number): RunLine => ({
  ...{ ...at(method), seed, accuracy: [0, accuracy] },
  ...{ sparsity: 0.9, macs: 100, effectiveMacs: 10, emptied: [], seconds: 2 },
});
const lines: (RunLine | FailedLine)[] = [
  ...[run('gmp', 1, 0.5), run('gmp', 2, 0.7), run('fggp', 1, 0.625), run('fggp', 2, 0.75)],
  { ...at('fggp'), seed: 3, failed: 'It is "no", so.' },
];
const values = ['gmp', 'fggp'].map((method) => ({ label: method, settings: { method, lr: 0.1 } }));
const result = summarizeStudy(
  { title: 'T', recipe: {}, axes: [{ name: 'method', values }], seeds: [1, 2, 3], baseline: 'gmp' },
  lines,
);

test('settings have their figures and paired differences, runs what they are and came to', async () => {
  const [gmp, fggp] = settingRows(result);
  assert.deepEqual([gmp.method, gmp.n, gmp.mean, gmp.difference], ['gmp', 2, 0.6, undefined]);
  assert.deepEqual([fggp.pairs, Number((fggp.difference as number).toFixed(6))], [2, 0.0875]);
  assert.deepEqual(Object.keys(gmp), Object.keys(fggp));
  assert.ok((fggp.low as number) < 0.0875 && (fggp.high as number) > 0.0875);
  const csv = asCsv(Object.keys(runRows(result, lines)[0]), runRows(result, lines)).split('\n');
  assert.equal(csv[0], 'method,lr,seed,metric,value,zeros,dense_macs,effective_macs,run_seconds,failed');
  assert.equal(csv[1], 'gmp,0.1,1,accuracy,0.5,0.9,100,10,2,');
  assert.equal(csv[5], 'fggp,0.1,3,accuracy,,,,,,"It is ""no"", so."');
  await assert.rejects(readResult(root), /holds no results of a study: give the folder named with --out/);
});

test('questions are asked of the files of runs, and a table becomes Parquet', { skip: without }, async () => {
  for (const [name, sparsity] of [
    ['a', 0.5],
    ['b/seed-1', 0.9],
  ] as const) {
    const folder = join(root, 'runs', name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'summary.json'), JSON.stringify({ sparsity: { after: sparsity } }));
    writeFileSync(
      join(folder, 'metrics.jsonl'),
      '{"kind":"epoch","epoch":1,"loss":2}\n{"kind":"masks","iteration":1}\n{"kind":"epoch","epoch":2,"loss":1}\n',
    );
  }
  const asked =
    'SELECT r.run, sparsity.after AS zeros, min(loss) AS loss FROM runs r JOIN epochs USING (run) GROUP BY ALL ORDER BY 1';
  assert.deepEqual(await query(join(root, 'runs'), asked), [
    { run: 'a', zeros: 0.5, loss: 1 },
    { run: 'b/seed-1', zeros: 0.9, loss: 1 },
  ]);
  await assert.rejects(
    query(join(root, 'runs'), 'SELECT nothing'),
    /^UserError: DuckDB does not understand the question/,
  );
  await assert.rejects(query(join(root, 'none'), 'SELECT 1'), /There is no folder/);
  const path = join(root, "it's.parquet");
  await writeParquet(path, runRows(result, lines));
  const read = await query(
    root,
    `SELECT method, seed, value, failed FROM '${path.replace("'", "''")}' ORDER BY 1, 2`,
  );
  assert.deepEqual(read[1], { method: 'fggp', seed: 2, value: 0.75, failed: null });
  assert.equal(read.length, 5);
});
