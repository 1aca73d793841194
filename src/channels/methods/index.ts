/** The structured methods by name. A new one is a file beside this and a line here. */
import type { StructuredMethod } from '../method-types.js';
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

export const structuredMethods: readonly StructuredMethod[] = [
  ...[masksparsity, networkSlimming, l1Filters, fpgm, softFpgm, taylor, taylorWeights],
  ...[depgraph, depgraphSparse, eagleeye, lamp, reconstruction, randomChannels],
  ...[uniform, ratio, order, ot, maskL1, gradDecay],
];
