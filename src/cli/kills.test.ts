/** A few kills; kills.long.test.ts has hundreds. */
import { test } from 'node:test';
import { killRuns, lines } from './kills.test.fixture.js';

test('a run that is killed at any moment is begun again or resumed, and ends the same', () =>
  killRuns(3, lines.slice(1, 2)));
