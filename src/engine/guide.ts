/** Chooses, while a program is in use, which of several ways to the same values it takes. */
import { sizeOf } from '../onnx/index.js';
import { chooseWays, type Ways } from './choice.js';
import { NO_BARRIER, STEP } from './lowering/contract.js';
import type { Buffer, Place } from './lowering/place.js';
import type { Choice, Step } from './lowering/steps.js';
import { type Machine, profileStride } from './machine.js';
import { blockAt, pullBlocks } from './memory.js';
import type { Written } from './writing.js';

/** The number of the way that is taken by the weights alone. */
export const INSTEAD = 2;
/** How many of the weights are looked at to tell how many are not 0. */
const LOOKS = 1024;

/** Up to and with the last element of a place. */
const endOf = ({ offset, shape }: Place): number => offset + sizeOf(shape);

/** The share of the floats at a place that are not 0, from looks at equal distances. */
function densityOf(machine: Machine, place: Place): () => number {
  const size = sizeOf(place.shape);
  const values = machine.floats(place.buffer.fixed!, endOf(place)).subarray(place.offset);
  const looks = Math.min(LOOKS, size);
  return () => {
    let found = 0;
    for (let i = 0; i < looks; i++) if (values[Math.floor(((i + 0.5) * size) / looks)] !== 0) found++;
    return found / looks;
  };
}

/** Sets a program to the ways that its choices take, and learns from the clock. */
export interface Guide {
  /** Before a run; `every` says whether it wants the gradients of pruned weights. */
  set(every: boolean): Promise<void>;
  /** After it. */
  learn(): Promise<void>;
}

/** A choice while the program is in use. */
interface Guided extends Choice {
  ways: readonly Way[];
  isInstead(): boolean;
  chooser: Ways;
  /** The number of the way that the last run took, −1 before the first. */
  taken: number;
  /** Whether the clock may choose. */
  free: boolean;
}

interface Way {
  /** Of its kernels, the weights that they worked with. */
  counts: Int32Array;
  /** The numbers of its steps. */
  steps: readonly number[];
  /** Nanoseconds in all runs so far. */
  spent: number;
}

/** @param profile the line of the program's times. */
export function guideOf(
  machine: Machine,
  steps: readonly Step[],
  written: Pick<Written, 'program' | 'words' | 'at'>,
  profile: number,
): Guide {
  const guides = [...stepsByChoice(steps)].map(([choice, own]) => guided(machine, choice, own));
  const timeOf = clockOf(machine, steps.length, profile);
  // What decides lies in memory, as do the counts.
  const before = guides.flatMap(({ instead: of }) =>
    of ? [blockAt(of.weights.buffer.fixed!, endOf(of.weights))] : [],
  );
  const after = guides.flatMap(({ counts }) => counts.map(({ fixed, size }) => blockAt(fixed!, size)));
  return {
    async set(every) {
      await pullBlocks(machine, before);
      const changed = guides.filter((guide) => turn(guide, every));
      for (const guide of changed) take(guide, steps, written);
      if (changed.length > 0) machine.push(written.program, written.words.length);
    },
    async learn() {
      await pullBlocks(machine, after);
      for (const { ways, taken, free, chooser } of guides) {
        const way = ways[taken];
        const spent = timeOf(way.steps);
        if (free) chooser.took(spent - way.spent, sum(way.counts));
        way.spent = spent;
      }
    },
  };
}

/** Of each choice, the ways and numbers of its steps. */
function stepsByChoice(steps: readonly Step[]): Map<Choice, { way: number; step: number }[]> {
  const owned = new Map<Choice, { way: number; step: number }[]>();
  steps.forEach(({ way }, step) => {
    if (!way) return;
    const own = owned.get(way.choice);
    if (own) own.push({ way: way.way, step });
    else owned.set(way.choice, [{ way: way.way, step }]);
  });
  return owned;
}

function guided(machine: Machine, choice: Choice, own: readonly { way: number; step: number }[]): Guided {
  const ways = Array.from({ length: INSTEAD + 1 }, (_, way) => ({
    counts: countsOf(machine, choice.counts.at(way)),
    steps: own.flatMap((one) => (one.way === way ? [one.step] : [])),
    spent: 0,
  }));
  const density = choice.instead && densityOf(machine, choice.instead.weights);
  return {
    ...choice,
    ways,
    isInstead: () => density !== undefined && density() >= choice.instead!.density,
    chooser: chooseWays(choice.weights, choice.counts.length > 1 ? machine.sparse : 'never'),
    taken: -1,
    free: true,
  };
}

/** The time that steps have taken in all runs so far, summed over threads. */
function clockOf(machine: Machine, steps: number, profile: number): (own: readonly number[]) => number {
  const times = Array.from({ length: machine.threads }, (_, t) =>
    machine.doubles(profile + t * profileStride(steps), steps),
  );
  return (own) => {
    let total = 0;
    for (const view of times) for (const i of own) total += view[i];
    return total;
  };
}

/** Decides which way the next run takes; whether it is another than before. */
function turn(guide: Guided, every: boolean): boolean {
  const instead = guide.isInstead();
  guide.free = !instead && !(guide.gradient && every);
  const way = instead ? INSTEAD : guide.free ? guide.chooser.next() : 0;
  const changed = way !== guide.taken;
  guide.taken = way;
  return changed;
}

/** Gives the steps of the way that is taken their items, and those of the others none. */
function take(
  { ways, taken }: Guided,
  steps: readonly Step[],
  { words, at }: Pick<Written, 'words' | 'at'>,
): void {
  for (const [w, { steps: own }] of ways.entries())
    for (const i of own) {
      words[at[i] + STEP.items] = w === taken ? steps[i].items : 0;
      words[at[i] + STEP.flags] = w === taken ? 0 : NO_BARRIER;
    }
}

const countsOf = (machine: Machine, counts: Buffer | undefined): Int32Array =>
  counts ? machine.ints(counts.fixed!, counts.size) : new Int32Array();

const sum = (numbers: Int32Array): number => {
  let total = 0;
  for (const x of numbers) total += x;
  return total;
};
