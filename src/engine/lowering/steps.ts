/** The program while it is being written: kernel calls whose arguments may name buffers that have no address yet. */
import type { Machine } from '../machine.js';
import { type Buffer, freshPlace, type Place } from './place.js';

/** An argument: a number as it is, a float, or the line where a buffer (plus some lines) begins. */
export type Word = number | { float: number } | { buffer: Buffer; plus?: number };

export interface Step {
  kernel: string;
  items: number;
  words: Word[];
}

/** What lowering an operator may use. */
export interface Lowering {
  readonly machine: Machine;
  /** Blocks of sixteen samples. */
  readonly blocks: number;
  /** One float: how many samples are valid; and how many the whole batch has. */
  readonly valid: Buffer;
  readonly whole: Buffer;
  /** Two int32: seed and step. */
  readonly seed: Buffer;
  readonly steps: Step[];
  step(kernel: string, items: number, words: Word[]): void;
  /** A table in memory, shared where the same was asked for before. */
  table(data: Int32Array | Float32Array): Buffer;
  /** Memory for each thread: `lines` lines, thread after thread. */
  scratch(lines: number): Buffer;
}

/** The line of a laned place's first element, or of a plain place that begins at a line. */
export function lineOf(p: Place): Word {
  if (p.buffer.laned) return { buffer: p.buffer, plus: p.offset };
  if (p.offset % 16 !== 0) throw new Error('A plain place must begin at a line here');
  return { buffer: p.buffer, plus: p.offset / 16 };
}

/** Lines from one block to the next; 0 for plain places, which all samples share. */
export const blockStride = (p: Place): number => (p.buffer.laned ? p.buffer.size : 0);

/** A place for an intermediate value. */
export const fresh = (shape: readonly number[], laned: boolean): Place => freshPlace(shape, laned);
