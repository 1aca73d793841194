/** Formulas written for people. */
import type { Expression, FunctionName } from './expression.js';

const signs: { [Name in FunctionName]?: string } = {
  add: '+',
  sub: '−',
  mul: '·',
  div: '/',
  greater: '>',
  greaterEqual: '≥',
  equal: '=',
};

/** A formula with its operands by name: `max(a · b + 1, 0)`. */
export function formulaText(e: Expression, names: readonly string[]): string {
  if (typeof e === 'number') return String(e);
  if ('input' in e) return names[e.input];
  if ('output' in e) return 'the result';
  const sign = signs[e.f];
  const text = (part: Expression): string => formulaText(part, names);
  if (sign === undefined)
    return e.f === 'neg' ? `−${grouped(e.of[0], text)}` : `${e.f}(${e.of.map(text).join(', ')})`;
  return e.of.map((part) => grouped(part, text)).join(` ${sign} `);
}

/** With brackets around what has a sign of its own. */
const grouped = (e: Expression, text: (e: Expression) => string): string =>
  typeof e === 'object' && 'f' in e && (signs[e.f] !== undefined || e.f === 'neg') ? `(${text(e)})` : text(e);
