/**
 * Optimiser settings, and what the engine is told at each step. The arithmetic is the engine's; it is PyTorch's:
 *
 *   sgd    g ← g + λw;  v ← µv + g;  w ← w − η v   (Nesterov: w ← w − η (g + µv))
 *   adam   g ← g + λw;  m, v ← moments of g;  w ← w − η m̂ / (√v̂ + ε)
 *   adamw  w ← w − ηλw, then as adam with λ = 0 (Loshchilov, Hutter: "Decoupled weight decay regularization", 2019)
 *
 * Weight decay λ acts on every parameter, biases and the scales of BatchNorm too, as in the papers.
 */
import type { OptimizerKind, UpdateOptions } from '../engine/index.js';
import { aboveZero, atLeastZero, flag, fraction, type Rule, resolve, rulesOf } from './settings.js';

export interface SgdSettings {
  /** Stochastic gradient descent. */
  kind: 'sgd';
  /** µ, default 0.9. */
  momentum?: number;
  /** Use Nesterov momentum. Defaults to false. */
  nesterov?: boolean;
  /** λ, default 5e-4. */
  weightDecay?: number;
}

export interface AdamSettings {
  /** Adam (Kingma, Ba, 2015), or AdamW, whose weight decay is decoupled (Loshchilov, Hutter, 2019). */
  kind: 'adam' | 'adamw';
  /** Default 0.9. */
  beta1?: number;
  /** Default 0.999. */
  beta2?: number;
  /** Default 1e-8. */
  epsilon?: number;
  /** λ, default 0 for adam and 0.01 for adamw. */
  weightDecay?: number;
}

/** Settings of the optimiser; `kind` says which one. */
export type OptimizerSettings = SgdSettings | AdamSettings;

/** Settings with nothing left out. */
export type Optimizer = Required<SgdSettings> | Required<AdamSettings>;

const moments = { beta1: fraction(0.9), beta2: fraction(0.999), epsilon: aboveZero(1e-8) };

const kinds: Record<OptimizerKind, Record<string, Rule>> = {
  sgd: { momentum: fraction(0.9), nesterov: flag(false), weightDecay: atLeastZero(5e-4) },
  adam: { ...moments, weightDecay: atLeastZero(0) },
  adamw: { ...moments, weightDecay: atLeastZero(0.01) },
};

/** Fills in the defaults. @throws UserError on a setting that is unknown or out of range. */
export function resolveOptimizer({ kind, ...settings }: OptimizerSettings): Optimizer {
  const rules = rulesOf('optimiser', kinds, kind);
  return { kind, ...resolve(`optimiser ${kind}`, rules, settings) } as Optimizer;
}

/** What the engine needs for the optimiser step of an iteration, counted from 1. */
export function updateOptions(
  { kind, ...settings }: Optimizer,
  learningRate: number,
  iteration: number,
): UpdateOptions {
  return kind === 'sgd' ? { ...settings, learningRate } : { ...settings, learningRate, step: iteration };
}
