import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tex } from './latex.js';

test('text is printed by LaTeX as it is', () => {
  assert.equal(
    tex('50 % of a_b & c#1 {x} ~^\\ −0.1 ± 2 – $'),
    '50 \\% of a\\_b \\& c\\#1 \\{x\\} \\textasciitilde{}\\textasciicircum{}\\textbackslash{} $-$0.1 $\\pm$ 2 -- \\$',
  );
});
