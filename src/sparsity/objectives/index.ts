/**
 * What is differentiated for a score before training. The three methods that prune there score a weight by the same
 * product, weight times gradient; they differ in what the gradient is of.
 *
 *   loss             of one batch                                             SNIP
 *   synaptic-flow    the output for an input of ones, all parameters made positive   SynFlow
 *   gradient-norm    ½‖g‖², g the loss's gradient: its gradient is Hg         GraSP
 */
import type { Objective } from '../probe.js';
import { gradientNorm } from './gradient-norm.js';
import { loss } from './loss.js';
import { synapticFlow } from './synaptic-flow.js';

const builtIn = {
  loss,
  'synaptic-flow': synapticFlow,
  'gradient-norm': gradientNorm,
} satisfies Record<string, Objective>;

export type ObjectiveName = keyof typeof builtIn;

export const objectives: Record<ObjectiveName, Objective> = builtIn;
