/**
 * Samples that BatchNormalization would see alone. On vectors, and on images of one pixel, a batch of one sample has a single value
 * of each channel: normalised by itself it is 0 whatever it was, so the output is the shift and nothing can be learnt. Other
 * frameworks refuse that step, too.
 */
import { fail } from '../base/index.js';
import type { Network } from '../engine/index.js';
import { inferTypes } from '../graph/index.js';
import { sizeOf } from '../onnx/index.js';

/**
 * Whether the last batch must not be a single sample, and so is evened out with the one before.
 * @throws UserError when no way of batching so many samples keeps them from being alone.
 */
export function checkBatches(
  network: Pick<Network, 'graph' | 'inputs'>,
  length: number,
  { batch, dropLast = false }: { batch: number; dropLast?: boolean },
): boolean {
  const norm = needsCompany(network);
  if (norm === undefined) return false;
  const alone = `${norm} would see a single value of each channel, of which nothing can be learnt`;
  if (length === 1) fail(`There is only one training sample, and ${alone}; give more data.`);
  if (batch === 1) fail(`In a batch of one sample ${alone}; use a batch of at least 2, better 16 or more.`);
  if (dropLast || length % batch !== 1) return false;
  if (batch === 2)
    fail(
      `In batches of 2 the last of the ${length} training samples is alone, and ${alone}; use a larger batch.`,
    );
  return true;
}

/** The first BatchNormalization over vectors, as a sentence names it. */
function needsCompany({ graph, inputs }: Pick<Network, 'graph' | 'inputs'>): string | undefined {
  const norms = graph.nodes.filter(({ op, domain }) => op === 'BatchNormalization' && domain === '');
  if (norms.length === 0) return undefined;
  const inputShapes = Object.fromEntries([...inputs].map(([name, shape]) => [name, [1, ...shape]]));
  const { types } = inferTypes(graph, { inputShapes });
  const norm = norms.find(({ inputs: [value] }) => {
    const shape = types.get(value)?.shape;
    return shape !== undefined && sizeOf(shape) === shape[1];
  });
  return norm && `BatchNormalization${norm.name ? ` '${norm.name}'` : ''}`;
}
