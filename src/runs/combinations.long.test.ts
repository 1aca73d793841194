/**
 * Methods with every setting by itself, a quarter of the methods for each value in turn: such a run comes to its end, or is refused
 * in a sentence before a folder is made.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
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
