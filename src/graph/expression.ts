/**
 * Element-wise formulas as plain data, and the two things one does to them on paper: evaluate and differentiate.
 *
 * Every element-wise operator of ONNX is such a formula over its inputs, so its gradient needs no rule of its own, and
 * a chain of them can be substituted into one another and run in a single pass over memory.
 */

/** Functions of one, two or three numbers; comparisons give 1 or 0; `choose(c, a, b)` is a where c ≠ 0, else b. */
export const functionNames = [
  'neg',
  'abs',
  'exp',
  'log',
  'sqrt',
  'sigmoid',
  'tanh',
  'erf',
  'relu',
  'floor',
  'ceil',
  'round',
  'sign',
  'sin',
  'cos',
  'add',
  'sub',
  'mul',
  'div',
  'max',
  'min',
  'pow',
  'greater',
  'greaterEqual',
  'equal',
  'choose',
] as const;

export type FunctionName = (typeof functionNames)[number];

export const isFunctionName = (name: string): name is FunctionName =>
  (functionNames as readonly string[]).includes(name);

/** `input`: the k-th operand. `output`: in a derivative, the value of the formula that was differentiated. */
export type Expression =
  | number
  | { readonly input: number }
  | { readonly output: true }
  | { readonly f: FunctionName; readonly of: readonly Expression[] };

export const input = (k: number): Expression => ({ input: k });
export const output: Expression = { output: true };

/** Builds `f(of…)`, simplifying what constants make trivial. */
export function call(f: FunctionName, ...of: Expression[]): Expression {
  if (of.every((x) => typeof x === 'number')) return apply(f, of as number[]);
  const [a, b, c] = of;
  if (f === 'add' && a === 0) return b;
  if ((f === 'add' || f === 'sub') && b === 0) return a;
  if (f === 'greater' && typeof b === 'number' && b >= 0 && isRelu(a)) return call('greater', a.of[0], b);
  if (f === 'greater' && typeof a === 'number' && a > 0 && isRelu(b)) return call('greater', a, b.of[0]);
  if (f === 'sub' && a === 0) return call('neg', b);
  if (f === 'mul' && (a === 0 || b === 0)) return 0;
  if (f === 'mul' && a === 1) return b;
  if ((f === 'mul' || f === 'div') && b === 1) return a;
  if (f === 'mul' && b === -1) return call('neg', a);
  if (f === 'mul' && a === -1) return call('neg', b);
  if (f === 'div' && a === 0) return 0;
  if (f === 'div' && typeof b === 'number' && isPowerOfTwo(b)) return call('mul', a, 1 / b);
  if (f === 'pow' && b === 1) return a;
  if (f === 'pow' && b === 2) return call('mul', a, a);
  if (f === 'pow' && b === 0.5) return call('sqrt', a);
  if (f === 'choose' && typeof a === 'number') return a !== 0 ? b : c;
  return { f, of };
}

/** Whether dividing by a number and multiplying by its inverse are the same to the bit. */
const isPowerOfTwo = (x: number): boolean =>
  Number.isInteger(Math.log2(Math.abs(x))) && Math.abs(Math.log2(Math.abs(x))) < 126;

/** The value of one function at numbers, in float64. */
export function apply(f: FunctionName, [a, b, c]: readonly number[]): number {
  switch (f) {
    case 'neg':
      return -a;
    case 'abs':
      return Math.abs(a);
    case 'exp':
      return Math.exp(a);
    case 'log':
      return Math.log(a);
    case 'sqrt':
      return Math.sqrt(a);
    case 'sigmoid':
      return 1 / (1 + Math.exp(-a));
    case 'tanh':
      return Math.tanh(a);
    case 'erf':
      return erf(a);
    case 'relu':
      return a > 0 || Number.isNaN(a) ? a : 0;
    case 'floor':
      return Math.floor(a);
    case 'ceil':
      return Math.ceil(a);
    case 'round':
      return roundHalfEven(a);
    case 'sign':
      return Math.sign(a);
    case 'sin':
      return Math.sin(a);
    case 'cos':
      return Math.cos(a);
    case 'add':
      return a + b;
    case 'sub':
      return a - b;
    case 'mul':
      return a * b;
    case 'div':
      return a / b;
    case 'max':
      return Math.max(a, b);
    case 'min':
      return Math.min(a, b);
    case 'pow':
      return a ** b;
    case 'greater':
      return a > b ? 1 : 0;
    case 'greaterEqual':
      return a >= b ? 1 : 0;
    case 'equal':
      return a === b ? 1 : 0;
    case 'choose':
      return a !== 0 ? b : c;
    default:
      return f satisfies never;
  }
}

/** The value of an expression at given operands. */
export function evaluateExpression(e: Expression, operands: readonly number[]): number {
  if (typeof e === 'number') return e;
  if ('input' in e) return operands[e.input];
  if ('output' in e) throw new Error('An output stands only in derivatives');
  return apply(
    e.f,
    e.of.map((x) => evaluateExpression(x, operands)),
  );
}

/** Replaces operands (and the output) by other expressions. */
export function substitute(
  e: Expression,
  operand: (k: number) => Expression,
  result?: Expression,
): Expression {
  if (typeof e === 'number') return e;
  if ('input' in e) return operand(e.input);
  if ('output' in e) return result ?? e;
  return call(e.f, ...e.of.map((x) => substitute(x, operand, result)));
}

/** How many functions, numbers and operands an expression has written out, once operands stand for so many each. */
export function lengthOf(e: Expression, operand: (k: number) => number): number {
  if (typeof e === 'object' && 'input' in e) return operand(e.input);
  return typeof e === 'object' && 'f' in e
    ? e.of.reduce<number>((sum, x) => sum + lengthOf(x, operand), 1)
    : 1;
}

/** Which operands an expression reads, in rising order. */
export function operandsOf(e: Expression, found = new Set<number>()): Set<number> {
  if (typeof e === 'object' && 'input' in e) found.add(e.input);
  if (typeof e === 'object' && 'f' in e) for (const x of e.of) operandsOf(x, found);
  return found;
}

/**
 * ∂e/∂(operand k). Where the outermost function is cheaper to differentiate from its value (sigmoid, tanh, exp, sqrt,
 * relu), the result refers to the {@link output}.
 */
export function derivative(e: Expression, k: number, value: Expression = output): Expression {
  if (typeof e === 'number' || 'output' in e) return 0;
  if ('input' in e) return e.input === k ? 1 : 0;
  if (!operandsOf(e).has(k)) return 0;
  let total: Expression = 0;
  e.of.forEach((x, i) => {
    const inner = derivative(x, k, x);
    if (inner !== 0) total = call('add', total, call('mul', partial(e.f, e.of, i, value), inner));
  });
  return total;
}

/** ∂f/∂(argument i) at arguments `of` with value `y`. At a kink: the derivative from the left for relu, half for ties of max and min, 0 at a bound. */
function partial(f: FunctionName, of: readonly Expression[], i: number, y: Expression): Expression {
  const [a, b] = of;
  switch (f) {
    case 'neg':
      return -1;
    case 'abs':
      return call('sign', a);
    case 'exp':
      return y;
    case 'log':
      return call('div', 1, a);
    case 'sqrt':
      return call('div', 0.5, y);
    case 'sigmoid':
      return call('mul', y, call('sub', 1, y));
    case 'tanh':
      return call('sub', 1, call('mul', y, y));
    case 'erf':
      return call('mul', 2 / Math.sqrt(Math.PI), call('exp', call('neg', call('mul', a, a))));
    case 'relu':
      return call('greater', y, 0);
    case 'sin':
      return call('cos', a);
    case 'cos':
      return call('neg', call('sin', a));
    case 'add':
      return 1;
    case 'sub':
      return i === 0 ? 1 : -1;
    case 'mul':
      return i === 0 ? b : a;
    case 'div':
      return i === 0 ? call('div', 1, b) : call('neg', call('div', y, b));
    case 'max':
      return winner(of[i], of[1 - i]);
    case 'min':
      return winner(of[1 - i], of[i]);
    case 'pow':
      return i === 0 ? call('mul', b, call('pow', a, call('sub', b, 1))) : call('mul', y, call('log', a));
    case 'choose':
      return i === 0 ? 0 : i === 1 ? call('choose', a, 1, 0) : call('choose', a, 0, 1);
    case 'floor':
    case 'ceil':
    case 'round':
    case 'sign':
    case 'greater':
    case 'greaterEqual':
    case 'equal':
      return 0;
    default:
      return f satisfies never;
  }
}

/** 1 where a > b, ½ where they tie (0 with a number: nothing passes at a bound), 0 elsewhere. */
const winner = (a: Expression, b: Expression): Expression =>
  typeof a === 'number' || typeof b === 'number'
    ? call('greater', a, b)
    : call('mul', 0.5, call('add', call('greater', a, b), call('greaterEqual', a, b)));

const isRelu = (e: Expression): e is Extract<Expression, { f: FunctionName }> =>
  typeof e === 'object' && 'f' in e && e.f === 'relu';

const roundHalfEven = (x: number): number => {
  const r = Math.round(x);
  return Math.abs(x - Math.trunc(x)) === 0.5 && r % 2 !== 0 ? r - 1 : r;
};

/** W. J. Cody's erf by its Taylor series near 0 and the continued fraction of erfc elsewhere; 1e-15. */
function erf(x: number): number {
  const z = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (z > 6) return Math.sign(x);
  if (z < 2.5) {
    let term = z,
      sum = z;
    for (let n = 1; Math.abs(term) > 1e-17 * sum && n < 200; n++) {
      term *= (-z * z) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (z + fraction);
  return Math.sign(x) * (1 - Math.exp(-z * z) / (z + fraction) / Math.sqrt(Math.PI));
}
