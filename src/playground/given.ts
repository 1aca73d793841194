/** What was chosen on the page, as settings of a recipe. */
import { structuredMethods } from '../channels/index.js';
import type { EngineName } from '../engine/index.js';
import { MODEL } from './places.js';
import type { Choice, DataKind } from './protocol.js';

/** Random samples to solve for weights with, where there are no data. */
export const RANDOM_SAMPLES = 128;

export const removesChannels = (method: string): boolean =>
  structuredMethods.some(({ name }) => name === method);

/** As after `--data`. */
export const dataSpec = (kind: DataKind): string =>
  ({ none: 'none', digits: 'digits', npz: 'npz:/data/data.npz', images: 'images:/data' })[kind];

/** What computes, where that is not what pages have anyway. */
export const engineFor = ({ gpu }: Pick<Choice, 'gpu'>): EngineName | undefined =>
  gpu ? 'webgpu' : undefined;

/** Settings of `espalier prune`. */
export function recipeFor(choice: Choice): object {
  const { data, method, target, amount, reconstruct, epochs, distil, inputShape, gpu } = choice;
  const channels = removesChannels(method);
  const trains = data !== 'none';
  return {
    ...{ model: MODEL, data: dataSpec(data), method, inputShape, engine: engineFor({ gpu }) },
    ...(channels ? { [target === 'sparsity' ? 'macs' : target]: amount } : { sparsity: amount }),
    ...(channels && { reconstruct, calibrate: reconstruct && !trains ? RANDOM_SAMPLES : undefined }),
    ...(trains && { epochs, teacher: distil && epochs > 0 ? 'self' : undefined }),
  };
}
