/** The loss of the first batch, BatchNorm normalising by that batch. */
import { type Objective, openProbe } from '../probe.js';

export const loss: Objective = async (layers, around) => {
  const probe = openProbe(around.network.snapshot(), layers, around, await around.firstBatch());
  const gradients = () => probe.gradients(layers.map(({ weight }) => weight));
  return { gradients, close: probe.close };
};
