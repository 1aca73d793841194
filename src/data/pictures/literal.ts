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

/** A text and how far it has been read. */
interface Reading {
  readonly text: string;
  at: number;
}

/** @throws NoLiteral */
function literalIn(text: string): Literal {
  const reading = { text, at: 0 };
  const whole = value(reading, 0);
  take(reading, SPACE);
  if (reading.at < text.length) throw new NoLiteral();
  return whole;
}

/** What a pattern, a sticky one, matches here. */
function take(reading: Reading, pattern: RegExp): string | undefined {
  pattern.lastIndex = reading.at;
  const [found] = pattern.exec(reading.text) ?? [];
  reading.at += found?.length ?? 0;
  return found;
}

function expect(reading: Reading, char: string): void {
  take(reading, SPACE);
  if (reading.text[reading.at++] !== char) throw new NoLiteral();
}

function value(reading: Reading, depth: number): Literal {
  if (depth > DEEPEST) throw new NoLiteral();
  take(reading, SPACE);
  const next = reading.text[reading.at];
  if (next === '{') return map(reading, depth);
  if (next === '[') return list(reading, ']', depth);
  if (next === '(') return list(reading, ')', depth);
  if (take(reading, PREFIX) !== undefined) return string(reading);
  const number = take(reading, NUMBER);
  if (number !== undefined) return Number(number.replaceAll('_', ''));
  const word = WORDS.get(take(reading, WORD) ?? '');
  if (word === undefined) throw new NoLiteral();
  return word;
}

function map(reading: Reading, depth: number): Literal {
  const entries = new Map<string | number, Literal>();
  items(reading, '}', () => {
    const key = value(reading, depth + 1);
    if (typeof key !== 'string' && typeof key !== 'number') throw new NoLiteral();
    expect(reading, ':');
    entries.set(key, value(reading, depth + 1));
  });
  return entries;
}

function list(reading: Reading, end: string, depth: number): Literal {
  const all: Literal[] = [];
  items(reading, end, () => all.push(value(reading, depth + 1)));
  return all;
}

/** What stands between brackets, with commas between, and perhaps one behind the last. */
function items(reading: Reading, end: string, item: () => void): void {
  reading.at++;
  for (let first = true; ; first = false) {
    take(reading, SPACE);
    if (reading.text[reading.at] === end) break;
    if (!first) expect(reading, ',');
    take(reading, SPACE);
    if (reading.text[reading.at] === end && !first) break;
    item();
  }
  reading.at++;
}

function string(reading: Reading): string {
  const quote = reading.text[reading.at++];
  let all = '';
  for (;;) {
    const char = reading.text[reading.at++];
    if (char === undefined || char === '\n') throw new NoLiteral();
    if (char === quote) return all;
    all += char === '\\' ? escaped(reading) : char;
  }
}

/** What an escape sequence behind its backslash means. */
function escaped(reading: Reading): string {
  const char = reading.text[reading.at++] ?? '';
  const digits = CODES.get(char);
  // Python leaves a sequence that it does not know as it is.
  if (digits === undefined) return ESCAPES.get(char) ?? `\\${char}`;
  const code = reading.text.slice(reading.at, reading.at + digits);
  reading.at += digits;
  const point = Number.parseInt(code, 16);
  if (!/^[0-9a-fA-F]+$/.test(code) || code.length < digits || point > 0x10ffff) throw new NoLiteral();
  return String.fromCodePoint(point);
}
