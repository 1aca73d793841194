/** How well each class is recognised, the one that lost most first. */

import { count, percent } from '../base/index.js';
import type { ClassSummary, Summary } from '../runs/index.js';
import { html } from './page.js';
import { table } from './table.js';

/** How many classes are shown before the rest is folded away. */
const SHOWN = 12;

/** What a class has lost; of a model that was not measured before, its errors. */
const lost = ({ accuracy: { before, after } }: ClassSummary): number => (before ?? 1) - after;

/** The classes in the order in which they need attention. */
export const worstFirst = (classes: readonly ClassSummary[]): ClassSummary[] =>
  classes.toSorted((a, b) => lost(b) - lost(a) || a.accuracy.after - b.accuracy.after);

/** Tables as HTML; empty where classes were not counted. */
export function classTables({ classes = [] }: Summary): string {
  if (classes.length === 0) return '';
  const sorted = worstFirst(classes);
  const rest = sorted.slice(SHOWN);
  const folded = rest.length
    ? `<details><summary>${rest.length} more classes</summary>${tableOf(rest)}</details>`
    : '';
  const order = classes[0].accuracy.before === undefined ? 'with the lowest accuracy' : 'that lost most';
  return `<p>Accuracy on the test samples of each class. The classes ${order} come first.</p>${tableOf(sorted.slice(0, SHOWN))}${folded}`;
}

function tableOf(classes: readonly ClassSummary[]): string {
  const measured = classes[0].accuracy.before !== undefined;
  return table({
    caption: 'Accuracy per class',
    columns: ['class', 'samples', ...(measured ? ['before'] : []), measured ? 'after' : 'accuracy'],
    rows: classes.map(({ name, samples, accuracy: { before, after } }) => [
      html(name),
      count(samples),
      ...(measured ? [percent(before ?? 0, 1)] : []),
      percent(after, 1),
    ]),
  });
}
