/** The loss of one batch, BatchNorm normalising by that batch. */
import { type Objective, openProbe, samplesOf } from '../probe.js';

export const loss: Objective = async (layers, around, options) => {
  const probe = openProbe(around.network.snapshot(), layers, around, [await samplesOf(around, options)]);
  const gradients = () => probe.gradients(layers.map(({ weight }) => weight));
  return { gradients, close: probe.close };
};
