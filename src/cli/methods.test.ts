/**
 * Every method there is, from the command line, on the digits: run whole; and stopped after an epoch of chance, resumed, and the
 * model the same to the byte. methods.long.test.ts kills them instead, at any moment.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { integer, random } from '../base/index.js';
import { methodCases } from './methods.test.fixture.js';
import { shell } from './shell.test.fixture.js';

const { at, espalier, stopped } = shell('methods');
const EPOCHS = 6;

for (const { name, id, line, exact } of methodCases(EPOCHS))
  test(name, async () => {
    const [whole, pieces] = [`${id}-whole`, `${id}-pieces`];
    const done = await espalier(`${line} --out ${whole} --json`);
    assert.equal(done.status, 0, done.err);
    const { sparsity } = JSON.parse(done.out);
    if (sparsity.target !== undefined && exact)
      assert.ok(Math.abs(sparsity.after - sparsity.target) < 1e-4, JSON.stringify(sparsity));

    const last = 1 + integer(random(1, name), EPOCHS - 1);
    const cut = await stopped(`${line} --out ${pieces}`, new RegExp(`^epoch ${last} `, 'm'));
    assert.equal(cut.status, 130, cut.err);
    const resumed = await espalier(`resume ${pieces}`);
    assert.equal(resumed.status, 0, resumed.err);
    const [a, b] = [whole, pieces].map((run) => readFileSync(at(run, 'model.onnx')));
    assert.ok(a.equals(b), 'the same bytes');
  });
