/** The structured methods by name. A new one is a file beside this and a line here. */
import type { StructuredMethod } from '../method.js';
import { depgraph, depgraphSparse } from './depgraph.js';
import { eagleeye } from './eagleeye.js';
import { gradDecay, maskL1, order, ot, ratio, uniform } from './easypruner.js';
import { fpgm, softFpgm } from './fpgm.js';
import { l1Filters } from './l1-filters.js';
import { lamp } from './lamp.js';
import { masksparsity } from './masksparsity.js';
import { networkSlimming } from './network-slimming.js';
import { randomChannels } from './random-channels.js';
import { reconstruction } from './reconstruction.js';
import { taylor, taylorWeights } from './taylor.js';

const byName = {
  ...{ masksparsity, 'network-slimming': networkSlimming, 'l1-filters': l1Filters, fpgm },
  ...{ 'soft-fpgm': softFpgm, taylor, 'taylor-weights': taylorWeights },
  ...{ depgraph, 'depgraph-sparse': depgraphSparse, eagleeye, lamp, reconstruction },
  ...{
    'random-channels': randomChannels,
    uniform,
    ratio,
    order,
    ot,
    'mask-l1': maskL1,
    'grad-decay': gradDecay,
  },
} satisfies Record<string, StructuredMethod>;

export type StructuredName = keyof typeof byName;

/** All built-in methods that remove whole channels. */
export const structuredMethods: readonly StructuredMethod[] = Object.values(byName);
