/**
 * Taylor saliency of parameters: (w·∂L/∂w)², the squared first-order change of the loss if a number became 0, summed over
 * mini-batches (Molchanov et al., 2019). Of a BatchNormalization's γ it is the gate form, of a filter the weight form.
 */

/**
 * Adds one mini-batch to `saliency` (which may begin empty), in place.
 * @param weights and gradients: by name, of equal lengths; parameters without a gradient are passed over.
 */
export function addSaliency(
  saliency: Map<string, Float64Array>,
  weights: ReadonlyMap<string, Float32Array>,
  gradients: ReadonlyMap<string, Float32Array>,
): Map<string, Float64Array> {
  for (const [name, gradient] of gradients) {
    const weight = weights.get(name);
    if (weight?.length !== gradient.length)
      throw new RangeError(`${name} has ${weight?.length ?? 0} weights but ${gradient.length} gradients`);
    const sums = saliency.get(name) ?? new Float64Array(gradient.length);
    for (let i = 0; i < sums.length; i++) sums[i] += (weight[i] * gradient[i]) ** 2;
    saliency.set(name, sums);
  }
  return saliency;
}
