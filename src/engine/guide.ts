/** Chooses, while a program is in use, which of several ways to the same values it takes. */
import { sizeOf } from '../onnx/index.js';
import { chooseWays } from './choice.js';
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
export function guideOf(
  machine: Machine,
  steps: readonly Step[],
  { program, words, at }: Pick<Written, 'program' | 'words' | 'at'>,
  profile: number,
) {
  const stride = profileStride(steps.length);
  const times = Array.from({ length: machine.threads }, (_, t) =>
    machine.doubles(profile + t * stride, steps.length),
  );
  const timeOf = (own: readonly number[]) => {
    let total = 0;
    for (const view of times) for (const i of own) total += view[i];
    return total;
  };
  const owned = new Map<Choice, { way: number; step: number }[]>();
  steps.forEach(({ way }, step) => {
    if (!way) return;
    const own = owned.get(way.choice);
    if (own) own.push({ way: way.way, step });
    else owned.set(way.choice, [{ way: way.way, step }]);
  });
  const guides = [...owned].map(([choice, all]) => {
    const ways = Array.from({ length: INSTEAD + 1 }, (_, way) => ({
      counts: countsOf(machine, choice.counts.at(way)),
      steps: all.flatMap((one) => (one.way === way ? [one.step] : [])),
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
  });
  /** What decides lies in memory, as do the counts. */
  const before = guides.flatMap(({ instead: of }) =>
    of ? [blockAt(of.weights.buffer.fixed!, endOf(of.weights))] : [],
  );
  const after = guides.flatMap(({ counts }) => counts.map(({ fixed, size }) => blockAt(fixed!, size)));
  return {
    async set(every: boolean) {
      await pullBlocks(machine, before);
      let changed = false;
      for (const guide of guides) {
        const instead = guide.isInstead();
        guide.free = !instead && !(guide.gradient && every);
        const way = instead ? INSTEAD : guide.free ? guide.chooser.next() : 0;
        if (way === guide.taken) continue;
        guide.taken = way;
        changed = true;
        for (const [w, own] of guide.ways.entries())
          for (const i of own.steps) {
            words[at[i] + STEP.items] = w === way ? steps[i].items : 0;
            words[at[i] + STEP.flags] = w === way ? 0 : NO_BARRIER;
          }
      }
      if (changed) machine.push(program, words.length);
    },
    async learn() {
      await pullBlocks(machine, after);
      for (const guide of guides) {
        const own = guide.ways[guide.taken];
        const spent = timeOf(own.steps);
        if (guide.free) guide.chooser.took(spent - own.spent, sum(own.counts));
        own.spent = spent;
      }
    },
  };
}

const countsOf = (machine: Machine, counts: Buffer | undefined): Int32Array =>
  counts ? machine.ints(counts.fixed!, counts.size) : new Int32Array();

const sum = (numbers: Int32Array): number => {
  let total = 0;
  for (const x of numbers) total += x;
  return total;
};
