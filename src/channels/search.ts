/**
 * EagleEye: search instead of reasoning (Li et al.: "EagleEye: fast sub-network evaluation for efficient neural network
 * pruning", 2020). Networks are drawn at random, a rate of removal for each group; those near the target are measured, with
 * BatchNormalization's statistics adapted to them, and the best is kept.
 *
 * With many groups the cost of such draws hardly varies and seldom comes near a target, so a draw that misses is bent: all
 * its rates r · max become r^t · max, with the t that meets the target. Their order stays as it was drawn.
 */
import { fail } from '../base/errors.js';
import { random, uniform } from '../base/random.js';
import type { Graph } from '../onnx/model.js';
import { estimateOf } from './estimate.js';
import type { Importance } from './importance.js';
import type { Limits } from './order.js';
import { countAt, selectDensities } from './select.js';
import { shrinker } from './shrink.js';
import { type Cost, costs } from './target.js';
import type { Channels, Selection } from './types.js';

export interface SearchOptions {
  importance: Importance;
  /** Fraction of the whole network's MACs to keep. */
  macs: number;
  /** How good the shrunk network is (more is better), its BatchNormalization adapted before. */
  evaluate: (graph: Graph, selection: Selection) => number | Promise<number>;
  /** Networks to measure; default 100. */
  candidates?: number;
  /** Largest fraction of a group that is removed; default 0.7. */
  maxSparsity?: number;
  /** How far from the target MACs may be, as a fraction of the whole network's; default 0.01. */
  tolerance?: number;
  seed?: number;
  limits?: Omit<Limits, 'maxSparsity'>;
  onProgress?: (done: number, candidates: number) => void;
  signal?: AbortSignal;
}

/** A network that was measured. */
export interface Candidate {
  /** By group, the fraction that was asked for. */
  densities: ReadonlyMap<string, number>;
  selection: Selection;
  /** Fraction of the whole network's MACs. */
  macs: number;
  value: number;
}

/** The best candidate, and all in the order in which they were drawn. */
export interface Found {
  best: Candidate;
  candidates: Candidate[];
}

/** @throws UserError where no network near the target can be drawn: what can be met is said. */
export async function searchDensities(
  graph: Graph,
  channels: Channels,
  options: SearchOptions,
): Promise<Found> {
  const {
    importance,
    evaluate,
    candidates: wanted = 100,
    tolerance = 0.01,
    seed = 0,
    limits,
    signal,
  } = options;
  const draw = drawingFrom(graph, channels, options);
  const countMacs: Cost = costs.macs(channels.options ?? {});
  const whole = await countMacs(graph);
  const shrunk = shrinker(graph, channels);
  const candidates: Candidate[] = [];
  for (let attempt = 0; candidates.length < wanted && attempt < 10 * wanted; attempt++) {
    signal?.throwIfAborted();
    const densities = draw(random(seed, 'eagleeye', attempt));
    const selection = selectDensities(channels, importance, densities, limits);
    const smaller = shrunk(selection);
    const macs = (await countMacs(smaller)) / whole;
    if (Math.abs(macs - options.macs) > tolerance) continue;
    candidates.push({ densities, selection, macs, value: await evaluate(smaller, selection) });
    options.onProgress?.(candidates.length, wanted);
  }
  if (candidates.length === 0)
    fail(
      `None of ${10 * wanted} networks drawn came within ${tolerance} of ${options.macs} of the MACs: allow a larger tolerance, or round less.`,
    );
  return { best: candidates.reduce((best, next) => (next.value > best.value ? next : best)), candidates };
}

/** Draws densities whose estimated MACs meet the target. */
function drawingFrom(
  graph: Graph,
  channels: Channels,
  { importance, macs, maxSparsity = 0.7, tolerance = 0.01, limits }: SearchOptions,
): (stream: ReturnType<typeof random>) => Map<string, number> {
  if (!(macs > 0 && macs < 1)) fail(`The MACs to keep must be a fraction between 0 and 1, not ${macs}.`);
  if (!(maxSparsity > 0 && maxSparsity < 1))
    fail(`The largest fraction to remove from a group must lie between 0 and 1, not be ${maxSparsity}.`);
  const groups = channels.groups.filter(({ name }) => importance.has(name));
  const estimate = estimateOf(graph, channels).macs;
  const whole = estimate(new Map());
  const share = (rates: readonly number[]) => {
    const counts = groups.map(
      ({ name, size }, i) => [name, countAt(size, 1 - rates[i], limits?.roundTo)] as const,
    );
    return estimate(new Map(counts)) / whole;
  };
  const least = share(groups.map(() => maxSparsity));
  if (least > macs + tolerance)
    fail(
      `${macs} of the MACs are out of reach: with ${maxSparsity} of every group removed ${Math.ceil(least * 1e3) / 1e3} are left; remove more, or ask for more.`,
    );
  return (stream) => {
    const drawn = groups.map(() => uniform(stream));
    const bent = (t: number) => drawn.map((rate) => maxSparsity * rate ** t);
    let exponent = 1;
    if (Math.abs(share(bent(1)) - macs) > tolerance) {
      let [low, high] = [1 / 64, 64];
      for (let i = 0; i < 24; i++) {
        exponent = Math.sqrt(low * high);
        if (share(bent(exponent)) > macs) high = exponent;
        else low = exponent;
      }
    }
    return new Map(groups.map(({ name }, i) => [name, 1 - bent(exponent)[i]]));
  };
}
