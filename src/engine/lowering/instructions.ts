/** From expressions to the instructions of the map kernel: common parts once, constants in registers, a·b + c in one. */
import type { Expression, FunctionName } from '../../graph/expression.js';

/** Function numbers of kernels/map.c. */
const numbers: Record<FunctionName | 'const' | 'copy' | 'fma' | 'gate', number> = {
  const: 0,
  copy: 1,
  neg: 2,
  abs: 3,
  exp: 4,
  log: 5,
  sqrt: 6,
  sigmoid: 7,
  tanh: 8,
  erf: 9,
  relu: 10,
  floor: 11,
  ceil: 12,
  round: 13,
  sign: 14,
  sin: 15,
  cos: 16,
  add: 17,
  sub: 18,
  mul: 19,
  div: 20,
  max: 21,
  min: 22,
  pow: 23,
  greater: 24,
  greaterEqual: 25,
  equal: 26,
  choose: 27,
  fma: 28,
  gate: 29,
};

/** Registers of the map kernel (MAP_REGISTERS). */
export const REGISTERS = 24;

type Argument = number | { float: number };

export interface Code {
  /** What each instruction computes: a function of registers, or a constant. */
  calls: { f: keyof typeof numbers; to: number; of: readonly Argument[] }[];
  /** The same for the kernel, five words each: function, to, a, b, c. A constant's `a` is a float. */
  instructions: Argument[][];
  /** The register of each expression's value. */
  results: number[];
}

/**
 * Compiles expressions over `operands` operands.
 * @returns undefined when they need more registers than there are.
 */
export function compileExpressions(expressions: readonly Expression[], operands: number): Code | undefined {
  const calls: Code['calls'] = [];
  const known = new Map<string, number>();
  let registers = operands;
  const emit = (key: string, f: keyof typeof numbers, of: Argument[]): number => {
    const found = known.get(key);
    if (found !== undefined) return found;
    const to = registers++;
    calls.push({ f, to, of });
    known.set(key, to);
    return to;
  };
  const visit = (e: Expression): number => {
    if (typeof e === 'number') return emit(`#${Object.is(e, -0) ? '-0' : e}`, 'const', [{ float: e }]);
    if ('input' in e) return e.input;
    if ('output' in e) throw new Error('An output stands only in derivatives');
    const sum =
      e.f === 'add' ? e.of.findIndex((x) => typeof x === 'object' && 'f' in x && x.f === 'mul') : -1;
    if (sum >= 0) {
      const product = e.of[sum] as Extract<Expression, { f: FunctionName }>;
      const of = [...product.of, e.of[1 - sum]].map(visit);
      return emit(`fma(${of})`, 'fma', of);
    }
    const sign = e.f === 'mul' ? e.of.findIndex(isSign) : -1;
    if (sign >= 0) {
      const [positive] = (e.of[sign] as { of: readonly Expression[] }).of;
      const of = [e.of[1 - sign], positive].map(visit);
      return emit(`gate(${of})`, 'gate', of);
    }
    const of = e.of.map(visit);
    return emit(`${e.f}(${of})`, e.f, of);
  };
  const results = expressions.map(visit);
  if (registers > REGISTERS) return undefined;
  const instructions = calls.map(({ f, to, of: [a = 0, b = 0, c = 0] }) => [numbers[f], to, a, b, c]);
  return { calls, instructions, results };
}

/** x > 0: a factor of 1 or 0, which the kernel applies without computing it. */
const isSign = (e: Expression): boolean =>
  typeof e === 'object' && 'f' in e && e.f === 'greater' && e.of[1] === 0;
