/**
 * What a formula can come to, proved from the formula: between which numbers it lies for all operands between given ones.
 *
 * Interval arithmetic over the expression, with a flag for what may be no number at all (0/0, ∞ − ∞, the root of a negative number).
 * It errs on the safe side: a range may be wider than what is reached, never narrower. Operands that occur several times are taken
 * to be independent, except where the same expression stands on both sides.
 */
import { apply, type Expression, type FunctionName } from './expression.js';

export interface Range {
  /** NaN, and `high` too, where the value is surely no number. */
  low: number;
  high: number;
  /** Surely a number, infinite ones included. */
  defined: boolean;
}

/** Whatever data may be: any finite number. */
export const anyNumber: Range = { low: -Number.MAX_VALUE, high: Number.MAX_VALUE, defined: true };

export const exactly = (value: number): Range => ({ low: value, high: value, defined: !Number.isNaN(value) });

export interface RangeOptions {
  /**
   * Take every step of the formula for a finite number unless it is proved to be none: 0 times anything is 0 then, and so is 0
   * divided by what is not known.
   */
  finite?: boolean;
}

/** The numbers between which a formula lies. */
export function rangeOf(e: Expression, operands: readonly Range[], options: RangeOptions = {}): Range {
  if (typeof e === 'number') return exactly(e);
  if ('input' in e) return operands[e.input];
  if ('output' in e) throw new Error('An output stands only in derivatives');
  const ranges = e.of.map((x) => rangeOf(x, operands, options));
  if (ranges.every(isPoint)) {
    const value = apply(
      e.f,
      ranges.map(({ low }) => low),
    );
    if (ranges.every(({ defined, low }) => defined || Number.isNaN(low))) return exactly(value);
  }
  const twins = e.of.length === 2 && same(e.of[0], e.of[1]);
  const found = (rules[e.f] as Rule)(ranges, { twins, finite: options.finite ?? false });
  return options.finite && !Number.isNaN(found.low) ? { ...found, defined: true } : found;
}

/** The number that a formula always is, whatever the operands that are undefined; NaN where it is never a number. */
export function constantOf(
  e: Expression,
  operands: readonly (number | undefined)[],
  options: RangeOptions = {},
): number | undefined {
  const range = rangeOf(
    e,
    operands.map((value) => (value === undefined ? anyNumber : exactly(value))),
    options,
  );
  return isPoint(range) && (range.defined || Number.isNaN(range.low)) ? range.low : undefined;
}

const isPoint = ({ low, high }: Range): boolean => low === high || Number.isNaN(low);

/** Whether two expressions are written alike. */
function same(a: Expression, b: Expression): boolean {
  if (typeof a === 'number' || typeof b === 'number') return a === b;
  if ('input' in a) return 'input' in b && a.input === b.input;
  if ('f' in a && 'f' in b)
    return a.f === b.f && a.of.length === b.of.length && a.of.every((x, i) => same(x, b.of[i]));
  return false;
}

interface Around {
  /** Both arguments are the same expression. */
  twins: boolean;
  finite: boolean;
}

type Rule = (of: readonly Range[], around: Around) => Range;

const noNumber: Range = { low: Number.NaN, high: Number.NaN, defined: false };
const anything: Range = { low: -Infinity, high: Infinity, defined: false };
const truth: Range = { low: 0, high: 1, defined: true };
const never = exactly(0);
const always = exactly(1);

const contains = ({ low, high }: Range, value: number): boolean => low <= value && value <= high;
const reachesInfinity = ({ low, high }: Range): boolean => low === -Infinity || high === Infinity;
const hull = (a: Range, b: Range): Range => ({
  low: Math.min(a.low, b.low),
  high: Math.max(a.high, b.high),
  defined: a.defined && b.defined,
});

/** What is no number stays none; others go on with ranges of numbers. */
const numeric =
  (rule: Rule): Rule =>
  (of, around) =>
    of.some(({ low }) => Number.isNaN(low)) ? noNumber : rule(of, around);

const rising = (f: FunctionName): Rule =>
  numeric(([x]) => ({ low: apply(f, [x.low]), high: apply(f, [x.high]), defined: x.defined }));

/** Of functions that rise from 0 on, and below are no numbers. */
const risingFromZero = (f: FunctionName): Rule =>
  numeric(([x]) => {
    if (x.high < 0) return noNumber;
    return {
      low: apply(f, [Math.max(0, x.low)]),
      high: apply(f, [x.high]),
      defined: x.defined && x.low >= 0,
    };
  });

const wave: Rule = numeric(([x]) => ({ low: -1, high: 1, defined: x.defined && !reachesInfinity(x) }));

/** The least and largest of what corners give; 0 · ∞ is none of them. */
function corners(a: Range, b: Range, f: (x: number, y: number) => number, defined: boolean): Range {
  const values = [a.low, a.high].flatMap((x) => [b.low, b.high].map((y) => f(x, y)));
  return { low: Math.min(...values), high: Math.max(...values), defined };
}

const times = (x: number, y: number): number => (x === 0 || y === 0 ? 0 : x * y);

const sum: Rule = numeric(([a, b]) => {
  const opposed =
    (a.high === Infinity && b.low === -Infinity) || (a.low === -Infinity && b.high === Infinity);
  return {
    low: opposed ? -Infinity : a.low + b.low,
    high: opposed ? Infinity : a.high + b.high,
    defined: a.defined && b.defined && !opposed,
  };
});

const negated = ({ low, high, defined }: Range): Range => ({ low: -high, high: -low, defined });

const quotient: Rule = numeric(([a, b], { twins, finite }) => {
  const defined = a.defined && b.defined && !(contains(a, 0) && contains(b, 0));
  if (twins && (finite || (defined && !reachesInfinity(a)))) return always;
  if (!contains(b, 0))
    return reachesInfinity(a) && reachesInfinity(b)
      ? anything
      : corners(a, b, (x, y) => x / y, a.defined && b.defined);
  // 0 divided by 0 is no number; by anything else it is 0.
  if (a.low === 0 && a.high === 0) return b.low === 0 && b.high === 0 ? noNumber : { ...never, defined };
  return { low: -Infinity, high: Infinity, defined };
});

const power: Rule = numeric(([base, exponent]) => {
  if (exponent.low === 0 && exponent.high === 0) return always;
  if (base.low === 0 && base.high === 0 && exponent.low > 0) return { ...never, defined: base.defined };
  const even = exponent.low === exponent.high && exponent.low % 2 === 0;
  const whole = exponent.low === exponent.high && Number.isInteger(exponent.low);
  const defined = base.defined && exponent.defined && (whole || base.low > 0);
  return { low: base.low >= 0 || even ? 0 : -Infinity, high: Infinity, defined };
});

/** Comparisons with what is no number are false. */
const comparison =
  (isTrue: (a: Range, b: Range) => boolean, isFalse: (a: Range, b: Range) => boolean, alike: Range): Rule =>
  ([a, b], { twins }) => {
    if ([a, b].some(({ low }) => Number.isNaN(low))) return never;
    const sure = a.defined && b.defined;
    if (twins && (sure || alike === never)) return alike;
    if (isFalse(a, b)) return never;
    return sure && isTrue(a, b) ? always : truth;
  };

const rules: Record<FunctionName, Rule> = {
  neg: numeric(([x]) => negated(x)),
  abs: numeric(([x]) => ({
    low: contains(x, 0) ? 0 : Math.min(Math.abs(x.low), Math.abs(x.high)),
    high: Math.max(Math.abs(x.low), Math.abs(x.high)),
    defined: x.defined,
  })),
  exp: rising('exp'),
  log: risingFromZero('log'),
  sqrt: risingFromZero('sqrt'),
  sigmoid: rising('sigmoid'),
  tanh: rising('tanh'),
  erf: rising('erf'),
  relu: rising('relu'),
  floor: rising('floor'),
  ceil: rising('ceil'),
  round: rising('round'),
  sign: rising('sign'),
  sin: wave,
  cos: wave,
  add: sum,
  sub: numeric((of, around) => {
    const [a, b] = of;
    if (around.twins && (around.finite || (a.defined && !reachesInfinity(a)))) return never;
    return sum([a, negated(b)], around);
  }),
  mul: numeric(([a, b], { twins }) => {
    const lost = (contains(a, 0) && reachesInfinity(b)) || (contains(b, 0) && reachesInfinity(a));
    const defined = a.defined && b.defined && (twins || !lost);
    const product = corners(a, b, times, defined);
    return twins ? { ...product, low: contains(a, 0) ? 0 : Math.max(0, product.low) } : product;
  }),
  div: quotient,
  max: numeric(([a, b]) => ({
    low: Math.max(a.low, b.low),
    high: Math.max(a.high, b.high),
    defined: a.defined && b.defined,
  })),
  min: numeric(([a, b]) => ({
    low: Math.min(a.low, b.low),
    high: Math.min(a.high, b.high),
    defined: a.defined && b.defined,
  })),
  pow: power,
  greater: comparison(
    (a, b) => a.low > b.high,
    (a, b) => a.high <= b.low,
    never,
  ),
  greaterEqual: comparison(
    (a, b) => a.low >= b.high,
    (a, b) => a.high < b.low,
    always,
  ),
  equal: comparison(
    (a, b) => a.low === a.high && b.low === b.high && a.low === b.low,
    (a, b) => a.high < b.low || b.high < a.low,
    always,
  ),
  choose([condition, a, b]) {
    if (Number.isNaN(condition.low) || !contains(condition, 0)) return a;
    if (condition.low === 0 && condition.high === 0 && condition.defined) return b;
    if (Number.isNaN(a.low) || Number.isNaN(b.low))
      return Number.isNaN(a.low) && Number.isNaN(b.low) ? noNumber : anything;
    return hull(a, b);
  },
};
