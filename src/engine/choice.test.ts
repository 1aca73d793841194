/** The choice between dense and sparse kernels: it ends with the cheaper one, and trials are few. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseWays } from './choice.js';

const ALL = 1000;

/** Takes `steps` steps at a density and says how many were sparse. */
function steps(ways: ReturnType<typeof chooseWays>, count: number, density: number, cost: readonly number[]) {
  let sparse = 0;
  for (let i = 0; i < count; i++) {
    const way = ways.next();
    sparse += way;
    ways.took(way === 0 ? cost[0] : cost[1] * density, density * ALL);
  }
  return sparse;
}

test('no weight is 0: nothing else is ever tried', () => {
  assert.equal(steps(chooseWays(ALL, 'auto'), 1000, 1, [100, 150]), 0);
});

test('the cheaper way is taken, and the other is left after a trial', () => {
  const ways = chooseWays(ALL, 'auto');
  assert.equal(steps(ways, 10, 1, [100, 300]), 0);
  assert.equal(steps(ways, 20, 0.5, [100, 300]), 3, 'sparse would cost 150');
  assert.equal(steps(ways, 20, 0.4, [100, 300]), 0, 'and 120, as is known without another trial');
  assert.ok(steps(ways, 50, 0.3, [100, 300]) >= 47, 'but 90 here');
  assert.ok(steps(ways, 50, 0.02, [100, 300]) === 50);
  assert.ok(steps(ways, 50, 0.9, [100, 300]) <= 3, 'weights have come back');
});

test('a time that was measured on a busy machine is not believed for ever', () => {
  const ways = chooseWays(ALL, 'auto');
  steps(ways, 3, 1, [100, 300]);
  steps(ways, 6, 0.2, [100, 900]);
  assert.equal(steps(ways, 5, 0.2, [100, 300]), 0, 'a trial made sparse look like 180');
  assert.ok(steps(ways, 300, 0.2, [100, 300]) > 150);
  assert.ok(steps(ways, 5000, 0.2, [100, 900]) < 50, 'nor is it tried again and again');
});

test('always and never are what they say', () => {
  assert.equal(steps(chooseWays(ALL, 'always'), 10, 1, [1, 100]), 10);
  assert.equal(steps(chooseWays(ALL, 'never'), 10, 0.01, [100, 1]), 0);
});
