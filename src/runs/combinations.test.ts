/** Some of the methods with some of the settings; combinations.long.test.ts tries many more. */
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
