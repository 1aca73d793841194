/**
 * Penalties on parameters, as hooks: what the derivative of the penalty is, is added to the gradients between the backward
 * pass and the optimiser step.
 *
 * On the scales of BatchNorm this is network slimming (Liu et al., ICCV 2017), with all of them penalised; and
 * MaskSparsity's second stage (Jiang et al., "Pruning-aware sparse regularization", 2023), with only those penalised that
 * will go: nothing is taken from what stays. Shifts take part only where they are named.
 */
import { fail } from '../../base/index.js';
import { type Graph, sizeOf } from '../../onnx/index.js';
import type { Hook, TrainState } from '../../train/index.js';
import { checkSelection } from '../cut/mask.js';
import { withMembers } from '../find/weights.js';
import type { MethodOwn } from '../judge/criteria.js';
import type { Channels, Selection } from '../types.js';

/** Of every tensor that takes part: a factor for each element, 0 where it does not. */
export type Factors = ReadonlyMap<string, Float32Array>;

export interface Penalty {
  tensors: Factors;
  /**
   * With s the strength times the element's factor, the gradient of w grows by: l1 s·sign(w); l2 s·w; smooth-l1 as l1, but
   * w/η where |w| < η·s at learning rate η, so that a step does not go beyond 0.
   */
  kind: PullName;
  strength: number;
  /** For a pull of a method's own: the method's settings. */
  own?: MethodOwn;
}

/** What a penalty of strength `s` adds to the gradient of a scale or shift `w`; `own`: the settings of its method. */
export type Pull = (w: number, s: number, learningRate: number, own: MethodOwn) => number;

export type PullName = 'l1' | 'l2' | 'smooth-l1';

export const pulls: Record<PullName, Pull> = {
  l1: (w, s) => s * Math.sign(w),
  l2: (w, s) => s * w,
  'smooth-l1': (w, s, rate) => (Math.abs(w) < rate * s ? w / rate : s * Math.sign(w)),
};

/**
 * The hook of a penalty. A resumed run goes on with the factors that it was started with. It throws a UserError where a tensor
 * is not one that is trained, or a resumed run has another penalty.
 */
export function penalty({ tensors, kind, strength, own = {} }: Penalty): Hook {
  let factors = tensors;
  return {
    start: (state) => checkTrained(state, factors),
    afterGradients({ network, training, learningRate }, iteration) {
      const rate = learningRate(iteration);
      for (const [name, factor] of factors) {
        const { gradient } = training.slots.get(name)!;
        const { weight } = network.parameters.get(name)!;
        for (let i = 0; i < gradient.length; i++)
          if (factor[i] !== 0) gradient[i] += pulls[kind](weight[i], strength * factor[i], rate, own);
      }
      return undefined;
    },
    touches() {
      const names = [...factors.keys()];
      return { reads: { weights: names, gradients: names }, writes: { gradients: names } };
    },
    save: () => ({ kind, strength }),
    arrays: () => factors,
    restore(saved, state, arrays) {
      refuseOther('penalty', saved, { kind, strength });
      factors = new Map(arrays);
      checkTrained(state, factors);
    },
  };
}

/** @throws UserError naming the first tensor that is not trained or has another size. */
export function checkTrained({ training }: TrainState, factors: Factors): undefined {
  for (const [name, { length }] of factors)
    if (training.slots.get(name)?.gradient.length !== length)
      fail(
        `There is no trained parameter ${name} of ${length} elements to regularise; name those of this model.`,
      );
  return undefined;
}

/** @throws UserError where a resumed run's settings are not those it was started with. */
export function refuseOther(what: string, saved: unknown, now: object): void {
  const [before, after] = [saved, now].map((value) => JSON.stringify(value));
  if (before !== after)
    fail(`The run was started with the ${what} ${before}, not ${after}; resume it with the same settings.`);
}

export interface ScaleOptions {
  channels: Channels;
  /** Only what it removes is marked. */
  selection: Selection;
  /** Mark the shifts beside the scales too. Default false. */
  shifts?: boolean;
}

/** Scales of all BatchNormalizations with a factor of 1 for each; or of the units that a selection removes only. */
export function scaleFactors(given: Graph, options?: ScaleOptions): Factors {
  const graph = withMembers(given);
  const norms = graph.nodes.filter(({ op, domain }) => op === 'BatchNormalization' && domain === '');
  const names = norms.flatMap(({ inputs }) => inputs.slice(1, options?.shifts ? 3 : 2));
  const empty = new Map(
    [...new Set(names)].flatMap((name) => {
      const tensor = graph.initializers.get(name);
      return tensor ? [[name, new Float32Array(sizeOf(tensor.shape))] as const] : [];
    }),
  );
  if (options) return marked(empty, options);
  for (const factors of empty.values()) factors.fill(1);
  return empty;
}

/** Those of the vectors in which something is removed, with 1 there. */
function marked(
  vectors: ReadonlyMap<string, Float32Array>,
  { channels, selection }: ScaleOptions,
): Map<string, Float32Array> {
  checkSelection(channels, selection);
  const touched = new Map<string, Float32Array>();
  for (const { name, members } of channels.groups)
    for (const { tensor, positions } of members) {
      const factors = vectors.get(tensor);
      const kept = selection.get(name);
      if (!factors || !kept) continue;
      positions.forEach((own, unit) => {
        if (kept[unit]) return;
        for (const position of own) factors[position] = 1;
        touched.set(tensor, factors);
      });
    }
  return touched;
}
