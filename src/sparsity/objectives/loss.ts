/** The loss of one batch, BatchNorm normalising by that batch. */
import { imagesOf, type Objective, openProbe } from '../probe.js';

export const loss: Objective = async (layers, around, options) => {
  const probe = openProbe(around.network.snapshot(), layers, around, [await imagesOf(around, options)]);
  const gradients = () => probe.gradients(layers.map(({ weight }) => weight));
  return { gradients, close: probe.close };
};
