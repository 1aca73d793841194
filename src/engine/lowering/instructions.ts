/** From expressions to the instructions of the map kernel: common parts once, constants in registers, a·b + c in one. */
import type { Expression, FunctionName } from '../../graph/index.js';
import type { MapInstruction } from './calls.js';
import { FUNCTIONS, MAP_REGISTERS } from './contract.js';

type KernelFunction = FunctionName | 'const' | 'copy' | 'fma' | 'gate';
type Argument = number | { float: number };

const numbers: Record<KernelFunction, number> = FUNCTIONS;

export interface Code {
  /** What each instruction computes: a function of registers, or a constant. */
  calls: { f: KernelFunction; to: number; of: readonly Argument[] }[];
  /** The same for the kernel. */
  instructions: MapInstruction[];
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
  const emit = (key: string, f: KernelFunction, of: Argument[]): number => {
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
  if (registers > MAP_REGISTERS) return undefined;
  const instructions = calls.map(({ f, to, of: [a = 0, b = 0, c = 0] }) => ({
    function: numbers[f],
    to,
    a,
    b: b as number,
    c: c as number,
  }));
  return { calls, instructions, results };
}

/** x > 0: a factor of 1 or 0, which the kernel applies without computing it. */
const isSign = (e: Expression): boolean =>
  typeof e === 'object' && 'f' in e && e.f === 'greater' && e.of[1] === 0;
