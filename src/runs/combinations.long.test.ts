/**
 * Methods with every setting by itself, a quarter of the methods for each value in turn: such a run comes to its end, or is refused
 * in a sentence before a folder is made.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { integer, random } from '../base/index.js';
import { recipesWith, settingValues, type Workshop, workshop } from './combinations.test.fixture.js';

let place: Workshop;
before(async () => {
  place = await workshop();
});
after(() => place.close());

const EVERY = 4;

for (const [turn, [name, value]] of settingValues.entries())
  test(`${name} ${JSON.stringify(value)}`, async () => {
    const faults: string[] = [];
    const recipes = recipesWith({ [name]: value }).filter((_, m) => (m + turn) % EVERY === 0);
    for (const given of recipes) await place.outcomeOf(given).catch((error) => faults.push(error.message));
    assert.deepEqual(faults, []);
  });

/** Most of them are refused for a setting that the method does not have; that takes no time. */
const PAIRS = 500;

test('two settings together, drawn by lot', async () => {
  const lots = random(1, 'pairs');
  const faults: string[] = [];
  for (let n = 0; n < PAIRS; n++) {
    const [one, other] = [0, 1].map(() => settingValues[integer(lots, settingValues.length)]);
    const recipes = recipesWith(Object.fromEntries([one, other]));
    await place
      .outcomeOf(recipes[integer(lots, recipes.length)])
      .catch((error) => faults.push(error.message));
  }
  assert.deepEqual(faults, []);
});
