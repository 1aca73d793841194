/**
 * Writes a network down as a graph of standard ONNX operators (opset 17), layer by layer.
 *
 * A {@link Signal} carries its shape, so a layer says only what it adds: `x = b.conv(x, { out: 64, kernel: 3, name })`.
 * Layers with parameters are named like PyTorch modules, and their initialisers like PyTorch's state dictionary
 * (`layer1.0.conv1.weight`, `bn1.running_mean`); every other node is named after its input (`bn1.relu`).
 */
import { activationLayers, endsOf, poolLayers, shapeLayers, weightedLayers } from './layers.js';
import { type BuilderOptions, newSheet } from './sheet.js';

export { type ConvOptions, type SliceOptions, toTheEnd } from './layers.js';
export type { BuilderOptions, Padding, Signal, WindowOptions } from './sheet.js';

export type Builder = ReturnType<typeof builder>;

/** Opens a graph. Throws a UserError where an image becomes too small for a layer, or a parameter too large for a file. */
export function builder(options: BuilderOptions) {
  const sheet = newSheet(options);
  return {
    ...endsOf(sheet),
    ...weightedLayers(sheet),
    ...activationLayers(sheet),
    ...poolLayers(sheet),
    ...shapeLayers(sheet),
  };
}
