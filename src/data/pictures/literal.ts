/**
 * Values written as text in the metadata of models: JSON, or the literals of Python, such as {0: 'person', 1: "driver's cab"}, which exporters
 * written in Python leave there. Objects and dicts become maps, lists and tuples arrays.
 */

export type Literal = string | number | boolean | null | Literal[] | Map<string | number, Literal>;

/** Deeper texts are an attack, not metadata. */
const DEEPEST = 32;

/** Longer texts are not read: what is read here are names and a few numbers. */
const LONGEST = 2 ** 24;

class NoLiteral extends Error {}

const NUMBER = /[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const WORD = /[A-Za-z]+/y;
const SPACE = /\s*/y;
const PREFIX = /[uUbB]?(?=['"])/y;
const WORDS = new Map<string, Literal>([
  ['None', null],
  ['null', null],
  ['True', true],
  ['true', true],
  ['False', false],
  ['false', false],
]);
const ESCAPES = new Map([
  ...[...'\\\'"/'].map((char): [string, string] => [char, char]),
  ['n', '\n'],
  ['t', '\t'],
  ['r', '\r'],
  ['b', '\b'],
  ['f', '\f'],
]);
/** How many hexadecimal digits follow. */
const CODES = new Map([
  ['x', 2],
  ['u', 4],
  ['U', 8],
]);

/** The value of a text; undefined where the text is anything else. Never throws. */
export function readLiteral(text: string): Literal | undefined {
  if (text.length > LONGEST) return undefined;
  try {
    return literalIn(text);
  } catch (error) {
    if (error instanceof NoLiteral) return undefined;
    throw error;
  }
}

/** @throws NoLiteral */
function literalIn(text: string): Literal {
  let at = 0;

  /** What the pattern, a sticky one, matches here. */
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const [found] = pattern.exec(text) ?? [];
    at += found?.length ?? 0;
    return found;
  };

  const expect = (char: string) => {
    take(SPACE);
    if (text[at++] !== char) throw new NoLiteral();
  };

  const value = (depth: number): Literal => {
    if (depth > DEEPEST) throw new NoLiteral();
    take(SPACE);
    if (text[at] === '{') return map(depth);
    if (text[at] === '[') return list(']', depth);
    if (text[at] === '(') return list(')', depth);
    if (take(PREFIX) !== undefined) return string();
    const number = take(NUMBER);
    if (number !== undefined) return Number(number.replaceAll('_', ''));
    const word = WORDS.get(take(WORD) ?? '');
    if (word === undefined) throw new NoLiteral();
    return word;
  };

  const map = (depth: number): Literal => {
    const entries = new Map<string | number, Literal>();
    items('}', () => {
      const key = value(depth + 1);
      if (typeof key !== 'string' && typeof key !== 'number') throw new NoLiteral();
      expect(':');
      entries.set(key, value(depth + 1));
    });
    return entries;
  };

  const list = (end: string, depth: number): Literal => {
    const all: Literal[] = [];
    items(end, () => all.push(value(depth + 1)));
    return all;
  };

  /** What stands between brackets, with commas between, and perhaps one behind the last. */
  const items = (end: string, item: () => void) => {
    at++;
    for (let first = true; ; first = false) {
      take(SPACE);
      if (text[at] === end) break;
      if (!first) expect(',');
      take(SPACE);
      if (text[at] === end && !first) break;
      item();
    }
    at++;
  };

  const string = (): string => {
    const quote = text[at++];
    let all = '';
    for (;;) {
      const char = text[at++];
      if (char === undefined || char === '\n') throw new NoLiteral();
      if (char === quote) return all;
      all += char === '\\' ? escaped() : char;
    }
  };

  const escaped = (): string => {
    const char = text[at++] ?? '';
    const digits = CODES.get(char);
    // Python leaves a sequence that it does not know as it is.
    if (digits === undefined) return ESCAPES.get(char) ?? `\\${char}`;
    const code = text.slice(at, at + digits);
    at += digits;
    const point = Number.parseInt(code, 16);
    if (!/^[0-9a-fA-F]+$/.test(code) || code.length < digits || point > 0x10ffff) throw new NoLiteral();
    return String.fromCodePoint(point);
  };

  const whole = value(0);
  take(SPACE);
  if (at < text.length) throw new NoLiteral();
  return whole;
}
