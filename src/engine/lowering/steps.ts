/** The program while it is being written: kernel calls whose arguments may name buffers that have no address yet. */
import type { Type } from '../../graph/index.js';
import type { Machine } from '../machine.js';
import type { Calls } from './calls.js';
import { type Buffer, freshPlace, LANES, type Line, type Place, type Word } from './place.js';

export interface Step {
  kernel: string;
  items: number;
  words: Word[];
  /** NO_BARRIER or none. */
  flags?: number;
  /** How many steps behind it are the body of the loop that it begins. */
  repeats?: number;
  /** The core value that it makes, or helps to make. */
  makes?: string;
  /** The step runs only while its choice has taken this way. */
  way?: { choice: Choice; way: number };
}

/** Ways to the same values, the same to the bit, of which a run takes one. */
export interface Choice {
  /** Of each way where its kernels count the weights that they work with. */
  counts: Buffer[];
  /** All the weights there are. */
  weights: number;
  /** Whether way 0 must be taken by runs that want the gradients of pruned weights. */
  gradient: boolean;
  /**
   * A way that gives other bits, taken whenever so large a share of these weights (or of their mask) is not 0; then no
   * other is. What decides is in the weights alone, so it is the same in every run of the same weights.
   */
  instead?: { weights: Place; density: number };
}

/** A way while it is written: its kernels, given memory for so many counts (int32). */
export interface WrittenWay {
  counts: number;
  emit(counts: Buffer): void;
}

/** What lowering an operator may use. */
export interface Lowering {
  readonly machine: Machine;
  /** Blocks of sixteen samples. */
  readonly blocks: number;
  /** One float: how many samples are valid; and how many the whole batch has. */
  readonly valid: Buffer;
  readonly whole: Buffer;
  /** One int32: whether the gradients of pruned weights are wanted. */
  readonly every: Buffer;
  /** Two int32: seed and step. */
  readonly seed: Buffer;
  readonly steps: Step[];
  /** Adds a step to the program. */
  readonly call: Calls;
  /**
   * Emits ways to the same values: the dense one, and the one that leaves pruned weights out where the machine has kernels for it.
   * `instead` emits what `options.instead` is about.
   */
  either(options: Omit<Choice, 'counts'>, ways: readonly WrittenWay[], instead?: () => void): void;
  /** A table in memory, shared where the same was asked for before. */
  table(data: Int32Array | Float32Array): Buffer;
  /** Copies a place in a way of its own, for values that are not laned; false where it knows none. */
  copy?(from: Place, to: Place): boolean;
}

/** Whether the machine has all of these kernels, by their names in C. */
export const has = ({ machine }: Lowering, ...kernels: readonly string[]): boolean =>
  kernels.every((name) => machine.kernels.has(name));

/** What formulas over places are lowered with. */
export type MapLowering = Pick<Lowering, 'machine' | 'blocks' | 'valid' | 'call' | 'copy'>;

/** The line of a laned place's first element, or of a plain place that begins at a line. */
export function lineOf(p: Place): Line {
  if (p.buffer.laned) return { buffer: p.buffer, plus: p.offset };
  if (p.offset % LANES !== 0) throw new Error('A plain place must begin at a line here');
  return { buffer: p.buffer, plus: p.offset / LANES };
}

/** Lines from one block to the next; 0 for plain places, which all samples share. */
export const blockStride = (p: Place): number => (p.buffer.laned ? p.buffer.size : 0);

/** A place for an intermediate value. */
export const fresh = (shape: readonly number[], laned: boolean): Place => freshPlace(shape, laned);

export interface LoweredValues {
  type(name: string): Type;
  /** Where a value is: inputs, parameters and constants are there from the start. */
  place(name: string): Place;
  put(name: string, place: Place): void;
  /** Where an output must go, e.g. a gradient's own memory. */
  destined(name: string): Place | undefined;
  /** The mask of the weights whose gradient goes to the value's destination. */
  mask(name: string): Place | undefined;
  /** Whether lanes beyond the valid samples must be 0 in this value. */
  masked(name: string): boolean;
}
