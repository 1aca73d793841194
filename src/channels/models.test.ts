/** Real models, where they lie beside the checkout, and the zoo: what of them can go, what a half saves, and masked ≡ shrunk. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { manifest } from './manifest.test.fixture.js';
import { holds, isLarge, modelNames } from './models.test.fixture.js';

test('every model is in the manifest', () => {
  assert.deepEqual(
    modelNames.filter((name) => !manifest[name]),
    [],
  );
});

for (const [name, expected] of Object.entries(manifest))
  if (!isLarge(name)) test(name, (t) => holds(t, name, expected));
