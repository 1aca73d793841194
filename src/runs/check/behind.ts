/** Files that begin with an operator that espalier does not know: what comes behind it is checked like any model, the whole by onnxruntime alone. */
import { batchOf } from '../../graph/index.js';
import { type Graph, serializeModel, withFront, withoutFront } from '../../onnx/index.js';
import { randomSamples } from '../samples.js';
import { cannotCompute, checkAlone, hindranceOf } from './alone.js';
import type { CheckOptions, Outcome } from './types.js';

type Check = (path: string | Uint8Array, graph: Graph, options: CheckOptions) => Promise<Outcome>;

/** @param check checks a file whose graph begins where it can be computed. */
export async function checkBehind(
  path: string | Uint8Array,
  graph: Graph,
  options: CheckOptions,
  check: Check,
): Promise<Outcome> {
  const part = withoutFront(graph);
  const original = options.original && withoutFront(options.original);
  const behind = await check(serializeModel(part), part, { ...options, original });
  if (!behind.by || behind.refused) return behind;
  const whole = withFront(graph);
  const from = part.inputs.map(({ name }) => name).join(', ');
  const hindrance = hindranceOf(whole, batchOf(whole, options.inputShapes));
  const alone = await checkAlone(
    path,
    whole,
    { ...options, samples: randomSamples, original: options.original && withFront(options.original) },
    hindrance ?? '',
  );
  if (alone.refused) return { ...behind, refused: alone.refused };
  if (hindrance === undefined) return behind;
  const runs = alone.by ? 'onnxruntime runs it' : 'neither can onnxruntime';
  const note = `${cannotCompute(hindrance)}, ${alone.by ? 'but ' : 'and '}${runs}; from ${from} on, onnxruntime gives what the engine gives.`;
  return { ...behind, note: behind.note ? `${note} ${behind.note}` : note };
}
