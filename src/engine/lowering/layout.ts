/** What a program was made of, for those who want to look at it. */
import type { CoreNode } from '../../graph/index.js';
import { CONTRACT } from './contract.js';
import type { Unit } from './fuse.js';
import type { Buffer, Place, Word } from './place.js';
import type { Step } from './steps.js';

export interface Layout {
  /** What of the core graph is computed, in order. */
  nodes: readonly CoreNode[];
  /** The same after fusion: passes over memory, and single nodes. */
  units: readonly Unit[];
  /** Where each value lives. */
  places: ReadonlyMap<string, Place>;
  steps: readonly Step[];
  /** Lines from the start of the program's own memory, for buffers without a fixed address. */
  offsets: ReadonlyMap<Buffer, number>;
}

/** A word of a step, by the name that the contract of the kernels gives it. */
export interface NamedWord {
  name: string;
  /** 'read', 'write' or 'update' for lines of memory; 'int', 'float' or 'word' for numbers; 'scratch'. */
  kind: string;
  word: Word;
}

interface Field {
  name: string;
  kind: string;
}

interface Signature {
  fields: Field[];
  scratch: boolean;
  /** Lists behind the other words. */
  tails: { name: string; record: Field[] }[];
}

/** The signatures of all kernels, read from the contract that every module carries. */
function signatures(): Map<string, Signature> {
  const records = new Map<string, Field[]>();
  const kernels = new Map<string, Signature>();
  const written = (text: string) =>
    text
      .split(' ')
      .filter(Boolean)
      .map((part) => {
        const [, name, kind, length] = /^(\w+):(\w+)\??(?:\[(\d*)\])?$/.exec(part)!;
        return { name, kind, length };
      });
  const expanded = ({ name, kind, length }: ReturnType<typeof written>[number]): Field[] => {
    const record = records.get(kind);
    if (record) return record.map((field) => ({ ...field, name: `${name}.${field.name}` }));
    if (!length) return [{ name, kind }];
    return Array.from({ length: Number(length) }, (_, i) => ({ name: `${name}[${i}]`, kind }));
  };
  for (const line of CONTRACT.split('\n')) {
    const record = /^record (\w+)\(([^)]*)\)$/.exec(line);
    const kernel = /^(\w+)\(([^)]*)\) (?:scratch|items) /.exec(line);
    const like = /^(\w+) like (\w+)$/.exec(line);
    if (record) records.set(record[1], written(record[2]).flatMap(expanded));
    else if (kernel) {
      const all = written(kernel[2]);
      kernels.set(kernel[1], {
        fields: all.filter(({ length }) => length !== '').flatMap(expanded),
        scratch: line.includes(') scratch '),
        tails: all
          .filter(({ length }) => length === '')
          .map(({ name, kind }) => ({ name, record: records.get(kind)! })),
      });
    } else if (like) kernels.set(like[1], kernels.get(like[2])!);
  }
  return kernels;
}

let known: Map<string, Signature> | undefined;

/** The names of a step's words, of whose lists behind the others each has so many entries. */
function fieldsOf(kernel: string, lengths: (tail: number) => number): Field[] {
  known ??= signatures();
  const { fields, scratch, tails } = known.get(kernel)!;
  return [
    ...tails.map(({ name }) => ({ name: `${name}.length`, kind: 'int' })),
    ...fields,
    ...(scratch ? [{ name: 'scratch', kind: 'scratch' }] : []),
    ...tails.flatMap(({ name, record }, t) =>
      Array.from({ length: lengths(t) }, (_, i) =>
        record.map((field) => ({ ...field, name: `${name}[${i}].${field.name}` })),
      ).flat(),
    ),
  ];
}

/** The words of a step with their names. */
export function namedWords({ kernel, words }: Pick<Step, 'kernel' | 'words'>): NamedWord[] {
  const names = fieldsOf(kernel, (tail) => Number(words[tail]));
  if (names.length !== words.length)
    throw new Error(`${kernel} has ${words.length} words, but the contract names ${names.length}`);
  return words.map((word, i) => ({ ...names[i], word }));
}

/** The same for words that lie in a program, and lines that have their numbers. */
export function assembledWords(
  kernel: string,
  words: Int32Array,
): { name: string; kind: string; word: number }[] {
  return fieldsOf(kernel, (tail) => words[tail]).map((field, i) => ({ ...field, word: words[i] }));
}
