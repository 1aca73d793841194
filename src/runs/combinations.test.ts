/** Some of the methods with some of the settings; combinations.long.test.ts tries many more. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { recipesWith, settingValues, type Workshop, workshop } from './combinations.test.fixture.js';

let place: Workshop;
before(async () => {
  place = await workshop();
});
after(() => place.close());

/** A prime, so that every method has its turns. */
const EVERY = 797;

test('a method with a setting comes to its end, or is refused in a sentence before a folder is made', async () => {
  const recipes = settingValues.flatMap(([name, value]) => recipesWith({ [name]: value }));
  for (const [r, given] of recipes.entries()) if (r % EVERY === 0) await place.outcomeOf(given);
});

test('what goes together and what does not', async () => {
  for (const [given, outcome] of [
    [{ method: 'lottery', sparsity: 0.7, rounds: 3 }, 'refused'],
    [{ method: 'masksparsity', importance: 'taylor-gates', roundTo: 1 }, 'done'],
  ] as const)
    assert.equal(await place.outcomeOf(given), outcome, JSON.stringify(given));
});
