/** Methods that remove channels, from the command line, on the digits: a run killed in every stage. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { killedAt } from './shell.test.fixture.js';
import { stagedMethods, stagedShell } from './structured.test.fixture.js';

const { espalier, prune, stages, assertSame, assertMetrics } = stagedShell('structured-long');

describe('a run killed in every stage and resumed ends as if it had not been', { concurrency: 2 }, () => {
  for (const [method, flags] of Object.entries(stagedMethods))
    test(method, async () => {
      const line = prune(`--method ${method} ${flags}`);
      const [whole, pieces] = [`${method}-whole`, `${method}-pieces`];
      const { status, err } = await espalier(`${line} --out ${whole} --json`);
      assert.equal(status, 0, err);
      const all = stages(whole);
      assert.ok(all.length > 2);

      for (const [i, { stage, trained }] of all.entries()) {
        const moment = new RegExp(`Stage ${stage} [^]*${trained ? '^epoch 1 ' : ''}`, 'm');
        const killed = await espalier(
          i === 0 ? `${line} --out ${pieces}` : `resume ${pieces} --threads 2`,
          killedAt(moment),
        );
        assert.equal(killed.status, null, `${stage}: ${killed.err}`);
        for (const { stage: done } of all.slice(0, Math.max(0, i - 1)))
          assert.ok(!killed.err.includes(`Stage ${done} `), `${done} is done again`);
      }
      const resumed = await espalier(`resume ${pieces}`);
      assert.equal(resumed.status, 0, resumed.err);
      assertSame(pieces, whole);
      assertMetrics(
        pieces,
        all.map(({ stage }) => stage),
      );
    });
});
