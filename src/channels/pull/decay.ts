/**
 * Ways to take channels out slowly, while the others learn to do without.
 *
 * **Decay** (EasyPruner's GradDecay): scales and shifts that are marked go to 0 in a straight line, and what the task wants
 * of them counts less and less. To be 0 at step T, after step t they are multiplied by (T − t)/(T − t + 1): the same as a
 * gradient of γ/(η·(T − t + 1)) under plain SGD, but with any optimiser, and exactly 0 at T. The steps that are left after T
 * are for the others: with learning rates that end near 0 a network cannot do without at the very end what it still had
 * just before.
 *
 * **Soft pruning** (He et al., "Soft filter pruning", IJCAI 2018; FPGM, CVPR 2019): after every epoch the filters of chosen
 * units become 0 and may grow again. Only what produces them: with a scale of 0 as well no gradient would reach them.
 */
import type { EpochState, Hook } from '../../train/index.js';
import { checkSelection } from '../cut/mask.js';
import type { Channels, Selection } from '../types.js';
import { checkTrained, type Factors, refuseOther } from './regularize.js';
import { slicesOf } from './slices.js';

export interface Decay {
  /** Elements to take to 0: those with a factor that is not. `scaleFactors` with `shifts` gives them. */
  tensors: Factors;
  /** The part of the run after which they are 0; default 0.6. */
  until?: number;
  /** The part of that time after which the task's gradient no longer counts for them; default 0.8. */
  fade?: number;
}

/** The hook of a decay. It throws a UserError where a tensor is not trained, or a resumed run was started with another. */
export function decay({ tensors, until = 0.6, fade = 0.8 }: Decay): Hook {
  let marks = tensors;
  const last = (iterations: number) => Math.max(1, Math.round(until * iterations));
  return {
    start: (state) => checkTrained(state, marks),
    afterGradients({ training, iterations }, iteration) {
      const left = Math.max(0, 1 - iteration / (fade * last(iterations)));
      for (const [name, mark] of marks) scale(training.slots.get(name)!.gradient, mark, left);
      return undefined;
    },
    afterUpdate({ network, iterations }, iteration) {
      const steps = Math.max(0, last(iterations) - iteration);
      const left = steps / (steps + 1);
      for (const [name, mark] of marks) scale(network.parameters.get(name)!.weight, mark, left);
    },
    touches(moment) {
      const names = [...marks.keys()];
      const own = moment === 'afterUpdate' ? { weights: names } : { gradients: names };
      return { reads: own, writes: own };
    },
    save: () => ({ until, fade }),
    arrays: () => marks,
    restore(saved, state, arrays) {
      refuseOther('decay', saved, { until, fade });
      marks = new Map(arrays);
      checkTrained(state, marks);
    },
  };
}

function scale(values: Float32Array, mark: Float32Array, factor: number): void {
  for (let i = 0; i < values.length; i++) if (mark[i] !== 0) values[i] *= factor;
}

/** The hook of soft pruning; `select` says what to set to 0 after each epoch, counted from 0. */
export function softFilters(
  channels: Channels,
  select: (state: EpochState, epoch: number) => Selection | Promise<Selection>,
): Hook {
  return {
    async endEpoch(state, epoch) {
      const selection = await select(state, epoch);
      checkSelection(channels, selection);
      for (const group of channels.groups) {
        const kept = selection.get(group.name);
        if (!kept) continue;
        for (const { role, weight, each } of slicesOf(state.network, group))
          if (role === 'out')
            each((unit, from, to) => {
              if (!kept[unit]) weight.fill(0, from, to);
            });
      }
      return undefined;
    },
  };
}
