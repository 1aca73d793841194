/** Hundreds of kills. */
import { test } from 'node:test';
import { killRuns, lines } from './kills.test.fixture.js';

test('runs that are killed at any moment are begun again or resumed, and end the same', () =>
  killRuns(200, lines));
