/**
 * Gradual pruning without regrowth, as a point on the axes score × scope × allocation × schedule × start.
 *
 * A published method is a name and its settings; this file carries a plan of theirs out. Randomness is drawn from
 * streams named by seed, iteration and layer, so a resumed run needs nothing but the plan and the masks.
 */
import { random, uniform } from '../base/random.js';
import { applyMasks, census, clear, countNonZero, refuseEmptied, resetMask } from './masks.js';
import { type GradualDefaults, gradualDefaults, resolveOptions } from './options.js';
import { type GradualPlan, planGradual, poolSize } from './plan.js';
import { choose, readsGradient } from './score.js';
import { smallest } from './select.js';
import type { Method, Prunable, UpdateReport } from './types.js';

/** The method with these settings. */
export function gradual(setting: {
  name: string;
  summary: string;
  defaults: Partial<GradualDefaults>;
}): Method {
  const { name, summary } = setting;
  const defaults = { ...gradualDefaults, ...setting.defaults };
  return {
    name,
    summary,
    defaults: { ...defaults },
    plan: (context, options) => planGradual(name, resolveOptions(name, defaults, options), context),
    start,
    needsGradient: (plan: GradualPlan, iteration) =>
      plan.updates.includes(iteration) && readsGradient(plan.options),
    update,
  };
}

/** Zeros stay zeros if asked; then, for a sparse start, exactly the planned number of each layer's weights at random. */
function start(plan: GradualPlan, layers: readonly Prunable[]): UpdateReport {
  for (const layer of layers) resetMask(layer, plan.options.keepZeros);
  const free = layers.filter((_, l) => !plan.layers[l].spared);
  let dropped = 0;
  plan.start?.forEach((kept, l) => {
    dropped += thin(free[l], kept, plan.seed);
  });
  applyMasks(layers);
  const scheduled = plan.start ? plan.options.startDensity : 1;
  return { iteration: 0, scheduled, dropped, final: false, ...census(layers) };
}

/** Keeps a uniformly random `kept` of the layer's present weights. */
function thin(layer: Prunable, kept: number, seed: number): number {
  const draw = random(seed, 'start', layer.name);
  const values = layer.weight.map(() => uniform(draw));
  const [marks] = smallest(
    [{ name: layer.name, values, among: layer.mask }],
    countNonZero(layer.mask) - kept,
  );
  return clear(layer, marks);
}

function update(plan: GradualPlan, layers: readonly Prunable[], iteration: number): UpdateReport | undefined {
  const step = plan.steps.find((candidate) => candidate.iteration === iteration);
  if (!step) return undefined;
  const { options, seed } = plan;

  const cuts = plan.groups.flatMap(({ members, fixed }, g) => {
    const group = members.map((l) => layers[l]);
    const active = group.reduce((total, layer) => total + countNonZero(layer.mask), 0);
    const drop = active - step.kept[g];
    const pool = poolSize(options.selectRatio ?? 1, active, fixed);
    const marks = choose(group, options, { drop, pool, seed, iteration });
    return group.map((layer, l) => ({ layer, marks: marks[l] }));
  });
  if (!options.allowEmpty)
    refuseEmptied(
      cuts.map(({ layer, marks }) => ({
        name: layer.name,
        kept: countNonZero(layer.mask) - countNonZero(marks),
      })),
      `The update at iteration ${iteration}`,
    );

  const dropped = cuts.reduce((total, { layer, marks }) => total + clear(layer, marks), 0);
  applyMasks(layers);
  const final = step === plan.steps[plan.steps.length - 1];
  return { iteration, scheduled: step.density, dropped, final, ...census(layers) };
}
