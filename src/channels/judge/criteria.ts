/**
 * What a unit is worth by its numbers in one parameter. Every criterion sees the slices of all units of a group at once.
 *
 *   l1      Σ|w|                  Li et al.: "Pruning filters for efficient ConvNets", 2017; on scales: network slimming
 *   l2      √Σw²
 *   energy  Σw²                   the terms of DepGraph's group norm, Fang et al., 2023
 *   fpgm    Σⱼ‖wᵢ − wⱼ‖₂          He et al.: "Filter pruning via geometric median", 2019
 *   taylor  Σ(w·∂L/∂w)²           Molchanov et al.: "Importance estimation for neural network pruning", 2019; the slices are
 *                                 of the squares, accumulated over mini-batches (`addSaliency`)
 *   random  a number of its own
 *   index   its place: the first go first
 */
import { type Random, uniform } from '../../base/index.js';

type Slices = readonly Float64Array[];

/** Settings of a method's own, by name. */
export type MethodOwn = Readonly<Record<string, unknown>>;

/** What every unit of a group is worth by its numbers; `own`: the settings of a method that brings its own criterion. */
export type Judge = (slices: Slices, draw: Random, own: MethodOwn) => number[];

export const criteria = {
  l1: (all) => all.map(magnitude),
  l2: (all) => all.map((slice) => Math.sqrt(energy(slice))),
  energy: (all) => all.map(energy),
  fpgm: distances,
  taylor: (all) => all.map(total),
  random: (all, draw) => all.map(() => uniform(draw)),
  index: (all) => all.map((_, unit) => unit),
} satisfies Record<string, Judge>;

/** `reconstruction` is measured on samples, see `measureElimination`, not read from weights. */
export type Criterion = keyof typeof criteria | 'reconstruction';

function total(slice: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < slice.length; i++) sum += slice[i];
  return sum;
}

function magnitude(slice: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < slice.length; i++) sum += Math.abs(slice[i]);
  return sum;
}

function energy(slice: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < slice.length; i++) sum += slice[i] * slice[i];
  return sum;
}

function distances(all: Slices): number[] {
  const sums = all.map(() => 0);
  for (let i = 0; i < all.length; i++)
    for (let j = 0; j < i; j++) {
      const apart = distance(all[i], all[j]);
      sums[i] += apart;
      sums[j] += apart;
    }
  return sums;
}

function distance(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return Math.sqrt(sum);
}
