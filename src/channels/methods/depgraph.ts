/**
 * DepGraph's group norm.
 * Fang et al.: "DepGraph: towards any structural pruning", CVPR 2023, arXiv 2301.12900.
 *
 * A unit is worth the squared norm of everything it consists of, in all layers of its group, divided by the mean over the group;
 * the least of all groups together go. `depgraph-sparse` trains before with a penalty on whole units, up to sixteen times
 * stronger on the least (s = 5e-4, the released code's for ResNet-56).
 */
import type { StructuredMethod } from '../method.js';

const source = {
  paper: 'Fang et al.: “DepGraph: towards any structural pruning”, CVPR 2023, arXiv 2301.12900',
  section: 'section 3',
};

export const depgraph: StructuredMethod = {
  name: 'depgraph',
  summary: 'Group norm over all coupled layers (Fang et al., 2023)',
  source,
  defaults: { importance: 'group-norm' },
  shares: { fineTune: 1 },
};

export const depgraphSparse: StructuredMethod = {
  name: 'depgraph-sparse',
  summary: 'Group norm after sparse training of whole groups (Fang et al., 2023)',
  source,
  defaults: { ...depgraph.defaults, sparse: 'depgraph', sparseStrength: 5e-4 },
  shares: { sparse: 1, fineTune: 1 },
};
