/**
 * Names what a pass computes as kernels/formulas.c does, so that its own loop is found where it has one: functions in capitals,
 * operands a, b, c … in the order in which they are named, and of arguments that may be swapped those computed first.
 */
import type { Expression } from '../../graph/index.js';
import { MAP_OPERANDS } from './contract.js';
import { compileExpressions } from './instructions.js';

const LETTERS = 'abcdefgh'.slice(0, MAP_OPERANDS);

/** How many of a function's arguments, from the first on, may be swapped. */
const swapped: Readonly<Record<string, number>> = { add: 2, mul: 2, fma: 2 };

export interface Formula {
  /** 'FMA(a, b, c)'; several results are parted by semicolons. */
  text: string;
  /** The operands in the order of their letters. */
  operands: number[];
}

/** The text of expressions over `count` operands; undefined when there are more than letters, or some are not named. */
export function formulaOf(expressions: readonly Expression[], count: number): Formula | undefined {
  const code = count > 0 && count <= LETTERS.length && compileExpressions(expressions, count);
  if (!code) return undefined;
  const made = new Map(code.calls.map((made) => [made.to, made]));
  const operands: number[] = [];
  const letter = (operand: number): string => {
    if (!operands.includes(operand)) operands.push(operand);
    return LETTERS[operands.indexOf(operand)];
  };
  const computedFirst = (registers: number[]): number[] =>
    registers.sort((r, s) => Number(made.has(s)) - Number(made.has(r)));
  const write = (register: number): string => {
    const call = made.get(register);
    if (!call) return letter(register);
    const { f, of } = call;
    if (f === 'const') return `NUMBER(${(of[0] as { float: number }).float})`;
    const swap = swapped[f] ?? 0;
    const registers = of as number[];
    const args = [...computedFirst(registers.slice(0, swap)), ...registers.slice(swap)];
    return `${f.toUpperCase()}(${args.map(write).join(', ')})`;
  };
  const text = code.results.map(write).join('; ');
  return operands.length === count ? { text, operands } : undefined;
}
