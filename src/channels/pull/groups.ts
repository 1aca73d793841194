/**
 * Group sparsity: all parameters of a unit, whatever layers they are in, are pulled to zero together, so that units end as
 * either whole or nothing. With ‖w_k‖ the norm over all that unit k of a group consists of, the gradient grows by
 *
 *   depgraph  s·2^(4·(I_max − I_k)/(I_max − I_min))·w,  I_k = ‖w_k‖ at the end of the last epoch: between s and 16·s times w,
 *             most for the least units (Fang et al., "DepGraph: towards any structural pruning", CVPR 2023)
 *   lasso     s·w/max(‖w_k‖, η·s): the group lasso (Yuan, Lin 2006); the bound, at learning rate η, ends a step at 0 and not
 *             beyond
 */
import type { Hook, TrainState } from '../../train/index.js';
import type { Channels, Group } from '../types.js';
import { refuseOther } from './regularize.js';
import { type Slice, slicesOf } from './slices.js';

export interface GroupPenalty {
  channels: Channels;
  kind: 'depgraph' | 'lasso';
  strength: number;
}

/** Parameters of a group that are trained, and for each element of theirs the gradient. */
interface Trained {
  group: Group;
  slices: (Slice & { gradient: Float32Array })[];
}

/** The hook of group sparsity. It throws a UserError where a resumed run was started with another. */
export function groupPenalty({ channels, kind, strength }: GroupPenalty): Hook {
  let groups: Trained[] = [];
  let factors = new Map<string, Float32Array>();
  const enter = ({ network, training }: TrainState) => {
    groups = channels.groups.map((group) => ({
      group,
      slices: slicesOf(network, group).flatMap((slice) => {
        const gradient = training.slots.get(slice.tensor)?.gradient;
        return gradient ? [{ ...slice, gradient }] : [];
      }),
    }));
  };
  const rescore = () => {
    if (kind === 'depgraph')
      factors = new Map(groups.map((trained) => [trained.group.name, pulls(norms(trained))]));
    return undefined;
  };
  return {
    start(state) {
      enter(state);
      return rescore();
    },
    afterGradients({ learningRate }, iteration) {
      const least = learningRate(iteration) * strength;
      for (const trained of groups) {
        const own =
          factors.get(trained.group.name) ?? norms(trained).map((norm) => 1 / Math.max(norm, least));
        for (const { weight, gradient, each } of trained.slices)
          each((unit, from, to) => {
            const factor = strength * own[unit];
            for (let i = from; i < to; i++) gradient[i] += factor * weight[i];
          });
      }
      return undefined;
    },
    touches() {
      const names = [...new Set(groups.flatMap(({ slices }) => slices.map(({ tensor }) => tensor)))];
      return { reads: { weights: names, gradients: names }, writes: { gradients: names } };
    },
    endEpoch: rescore,
    save: () => ({ kind, strength }),
    arrays: () => factors,
    restore(saved, state, arrays) {
      refuseOther('group sparsity', saved, { kind, strength });
      enter(state);
      factors = new Map(arrays);
    },
  };
}

/** ‖w_k‖ over all trained parameters of each unit. */
function norms({ group, slices }: Trained): Float32Array {
  const squares = new Float64Array(group.size);
  for (const { weight, each } of slices)
    each((unit, from, to) => {
      for (let i = from; i < to; i++) squares[unit] += weight[i] * weight[i];
    });
  return Float32Array.from(squares, Math.sqrt);
}

/** 2^(4·(I_max − I_k)/(I_max − I_min)); 1 where all are alike. */
export function pulls(importance: Float32Array): Float32Array {
  const most = importance.reduce((a, b) => Math.max(a, b));
  const least = importance.reduce((a, b) => Math.min(a, b));
  return importance.map((i) => (most > least ? 2 ** ((4 * (most - i)) / (most - least)) : 1));
}
