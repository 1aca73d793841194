/** Units drawn by lot, the same share of every group: what any method must be better than. */
import type { StructuredMethod } from '../method.js';

export const randomChannels: StructuredMethod = {
  name: 'random-channels',
  summary: 'Random channels, the same share of every group',
  defaults: { importance: 'random', allocate: 'uniform' },
  shares: { fineTune: 1 },
};
