/** The arguments of a step, read from a program's words by the names that the contract gives them. */
import { assembledWords } from '../lowering/layout.js';

/** An entry of a list behind the arguments, by the names of its record. */
export type Record_ = Readonly<Record<string, number>>;

export interface Arguments {
  readonly kernel: string;
  /** A word: a number, or a line; −1 where one is missing. */
  get(name: string): number;
  float(name: string): number;
  asFloat(word: number): number;
  list(name: string): Record_[];
  /** Lines that are read, and those that are written, with words that say how. */
  lines: readonly { line: number; writes: boolean }[];
}

const word = new Int32Array(1);
const float = new Float32Array(word.buffer);
const asFloat = (bits: number): number => {
  word[0] = bits;
  return float[0];
};

export function argumentsOf(kernel: string, words: Int32Array): Arguments {
  const named = assembledWords(kernel, words);
  const byName = new Map(named.map(({ name, word }) => [name, word]));
  const get = (name: string): number => {
    const found = byName.get(name);
    if (found === undefined) throw new Error(`${kernel} has no argument '${name}'`);
    return found;
  };
  return {
    kernel,
    get,
    asFloat,
    float: (name) => asFloat(get(name)),
    list(name) {
      const list: Record<string, number>[] = Array.from({ length: get(`${name}.length`) }, () => ({}));
      for (const { name: full, word } of named) {
        const [, own, i, field] = /^(\w+)\[(\d+)\]\.(.*)$/.exec(full) ?? [];
        if (own === name) list[Number(i)][field] = word;
      }
      return list;
    },
    lines: named.flatMap(({ kind, word }) =>
      word >= 0 && (kind === 'read' || kind === 'write' || kind === 'update')
        ? [{ line: word, writes: kind !== 'read' }]
        : [],
    ),
  };
}
