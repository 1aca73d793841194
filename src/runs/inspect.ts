/** What is in a model, layer by layer, and what pruning could take. */
import { type ChannelOptions, type Channels, findChannels } from '../channels/index.js';
import { type Card, cardOf } from '../data/index.js';
import { type Layer, openQuantized, type SymbolicShape, summarize } from '../graph/index.js';
import { narrowIn } from '../onnx/index.js';
import { type Bytes, bytesOfModel } from './export.js';
import { notFinite, sentenceOf } from './finite.js';
import { type Measure, type MeasuredLayer, measure } from './measure.js';
import { type ModelOptions, openModel } from './task.js';

/** The result of {@link inspectModel}. */
export interface Inspection extends Omit<Measure, 'layers'> {
  /** The model as it was given. */
  model: string;
  /** Version of ONNX's operator set. */
  opset: number;
  /** Element types of 16 bits that its weights have. */
  narrow: string[];
  /** Shape of each input; a dimension that the file leaves open has a name. */
  inputs: Record<string, SymbolicShape>;
  /** Shape of each output; a dimension that the file leaves open has a name. */
  outputs: Record<string, SymbolicShape>;
  /** Every node; `pruning` holds the zeros of its prunable weights. */
  layers: (Layer & { pruning: MeasuredLayer[] })[];
  /** Operators that espalier does not know, and how often each occurs. */
  unknown: { op: string; count: number }[];
  /** Layers whose MACs are not counted, since their shapes are not known. */
  uncounted: string[];
  /** What the file says of the pictures and classes that the model is for. */
  card: Card;
  /** Sentences about weights that are not finite numbers. */
  notFinite: string[];
  /** Channels that stay or go together, and what stays whole and why. */
  channels: Pick<Channels, 'groups' | 'frozen'>;
  /** Size of the file as it is and after gzip. */
  bytes: Bytes;
}

/**
 * Lists the layers, costs, sparsity and removable channels of a model.
 * @throws UserError when the model cannot be read, or its input's shape is open and not given.
 */
export async function inspectModel(
  options: ModelOptions & Omit<ChannelOptions, 'inputShapes'>,
): Promise<Inspection> {
  const { graph, inputShapes } = await openModel(options);
  const { layers: measured, ...figures } = measure(graph, inputShapes);
  const { layers, unknown, uncounted } = summarize(openQuantized(graph), { inputShapes });
  const { heads, ignore, freeze } = options;
  const { groups, frozen } = findChannels(graph, { inputShapes, heads, ignore, freeze });
  const byName = new Map(measured.map((layer) => [layer.name, layer]));
  const shapesOf = (values: typeof graph.inputs) =>
    Object.fromEntries(values.map(({ name, shape }) => [name, (shape ?? []).map((dim) => dim ?? '?')]));
  return {
    model: options.model,
    opset: graph.source.opsets[''],
    narrow: narrowIn(graph),
    inputs: shapesOf(graph.inputs),
    outputs: shapesOf(graph.outputs),
    ...figures,
    layers: layers.map((layer) => ({
      ...layer,
      pruning: layer.prunable.flatMap((name) => byName.get(name) ?? []),
    })),
    unknown,
    uncounted,
    card: cardOf(graph),
    notFinite: notFinite(graph).map((found) => `${sentenceOf(found)}.`),
    channels: { groups, frozen },
    bytes: await bytesOfModel(graph),
  };
}
