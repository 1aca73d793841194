/** The large ones among the real models: what models.test.ts checks of the others. */
import { test } from 'node:test';
import { manifest } from './manifest.test.fixture.js';
import { holds, isLarge } from './models.test.fixture.js';

for (const [name, expected] of Object.entries(manifest))
  if (isLarge(name)) test(name, (t) => holds(t, name, expected));
