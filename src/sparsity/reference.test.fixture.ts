/** Gradients of a model in float64, as plainly as they can be had: what objectives are tested against. */
import {
  call,
  differentiate,
  expandModel,
  input,
  type ReferenceValue,
  runCore,
  toLaned,
} from '../graph/index.js';
import { valuesFor } from '../graph/ops/against.test.fixture.js';
import { floatTensor, type Graph } from '../onnx/index.js';

/** By weights of other values than the graph's: of the cross-entropy with labels, or without labels of the sum of outputs. */
export function referenceGradients(
  graph: Graph,
  weights: ReadonlyMap<string, Float64Array>,
  images: readonly Float32Array[],
  labels?: readonly number[],
): Map<string, Float64Array> {
  const [{ name: image, shape }] = graph.inputs;
  const model = expandModel(graph, { training: true });
  const { tape } = model;
  const logits = model.values.get(graph.outputs[0].name)!;
  const sample = [1, ...shape!.slice(1).map(Number)];
  const values = valuesFor(graph, model, { [image]: images.map((pixels) => floatTensor(sample, pixels)) });
  for (const [name, numbers] of weights) {
    const core = model.values.get(name)!;
    values.set(core, { ...(values.get(core) as ReferenceValue), samples: [numbers] });
  }
  let seed: string;
  if (labels) {
    tape.declare('labels#', { dtype: 'float32', shape: [1], laned: true });
    values.set('labels#', toLaned(labels.map((label) => floatTensor([1], [label]))));
    seed = tape.emit('crossEntropy', [logits, 'labels#'], { smoothing: 0 })[2];
  } else {
    seed = tape.emit('elementwise', [logits], { expression: call('equal', input(0), input(0)) })[0];
  }
  const gradients = differentiate(tape, new Map([[logits, seed]]), [...weights.keys()]);
  for (const [name, { constant }] of tape.types)
    if (constant && !values.has(name)) values.set(name, valuesFor(graph, model, {}).get(name)!);
  const computed = runCore(tape.nodes, values);
  return new Map([...weights.keys()].map((name) => [name, computed.get(gradients.get(name)!)!.samples[0]]));
}
