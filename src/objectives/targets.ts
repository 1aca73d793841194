/** What objectives with targets have in common. */
import { fail } from '../base/index.js';
import type { Batch } from '../data/index.js';
import type { Targets } from '../engine/index.js';
import type { Graph } from '../onnx/index.js';
import { type Head, headsOf } from './heads.js';

/** The output that targets are for. @throws UserError where there are several, or it has no gradient. */
export function onlyHead(graph: Graph): Head {
  const heads = headsOf(graph);
  if (heads.length !== 1)
    fail(
      `The model has ${heads.length} outputs (${heads.map(({ output }) => output).join(', ')}), but y is for one; leave only that one, or learn from a teacher without y.`,
    );
  const [head] = heads;
  if (head.kind === 'whole')
    fail(
      `The output ${head.output} consists of integers, which have no gradient; export the model without the operator that makes them.`,
    );
  return head;
}

/** The targets of a batch, every sample weighing as much as `weigh` says: its share of the sum. */
export function targetsFor({ targets, count }: Batch, weigh: (sample: number) => number = () => 1): Targets {
  if (!targets) return fail('The samples have no targets; give y in the .npz.');
  const shares = Float32Array.from({ length: count }, (_, i) => weigh(i));
  const total = shares.reduce((sum, share) => sum + share, 0);
  return { arrays: { y: targets.y }, shares: shares.map((share) => (total > 0 ? share / total : 0)) };
}
