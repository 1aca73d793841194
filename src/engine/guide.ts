/** Chooses, while a program is in use, which of several ways to the same values it takes. */
import { sizeOf } from '../onnx/tensor.js';
import { chooseWays } from './choice.js';
import { NO_BARRIER, STEP } from './lowering/contract.js';
import type { Place } from './lowering/place.js';
import type { Choice, Step } from './lowering/steps.js';
import { type Machine, profileStride } from './machine.js';

/** The number of the way that is taken by the weights alone. */
export const INSTEAD = 2;
/** How many of the weights are looked at to tell how many are not 0. */
const LOOKS = 1024;

/** The share of the floats at a place that are not 0, from looks at equal distances. */
function densityOf(machine: Machine, { buffer, offset, shape }: Place): () => number {
  const size = sizeOf(shape);
  const values = machine.floats(buffer.fixed!, offset + size).subarray(offset);
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
  words: Int32Array,
  at: readonly number[],
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
    const counts: (Int32Array | undefined)[] = choice.counts.map((c) => machine.ints(c.fixed!, c.size));
    if (choice.instead) counts[INSTEAD] = undefined;
    const ways = counts.map((own, way) => ({
      counts: own,
      steps: all.flatMap((one) => (one.way === way ? [one.step] : [])),
      spent: 0,
    }));
    const density = choice.instead && densityOf(machine, choice.instead.weights);
    const instead = () => density !== undefined && density() >= choice.instead!.density;
    return {
      ...choice,
      ways,
      instead,
      chooser: chooseWays(choice.weights, machine.sparse),
      taken: -1,
      free: true,
    };
  });
  return {
    set(every: boolean) {
      for (const guide of guides) {
        const instead = guide.instead();
        guide.free = !instead && !(guide.gradient && every);
        const way = instead ? INSTEAD : guide.free ? guide.chooser.next() : 0;
        if (way === guide.taken) continue;
        guide.taken = way;
        for (const [w, own] of guide.ways.entries())
          for (const i of own.steps) {
            words[at[i] + STEP.items] = w === way ? steps[i].items : 0;
            words[at[i] + STEP.flags] = w === way ? 0 : NO_BARRIER;
          }
      }
    },
    learn() {
      for (const guide of guides) {
        const own = guide.ways[guide.taken];
        const spent = timeOf(own.steps);
        if (guide.free) guide.chooser.took(spent - own.spent, sum(own.counts!));
        own.spent = spent;
      }
    },
  };
}

const sum = (numbers: Int32Array): number => {
  let total = 0;
  for (const x of numbers) total += x;
  return total;
};
