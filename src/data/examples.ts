/** A few samples of every class. */
import { fail, permutation, random } from '../base/index.js';
import { type Batch, type BatchOptions, batches } from './batches.js';
import { isUnlabelled, type Split, subset } from './dataset.js';

/** As many classes samples without labels count for. */
const WITHOUT_CLASSES = 10;

/**
 * One batch of `perClass` samples of every class, or all that a class has, drawn by the seed; class after class. Of samples without
 * labels, as many as if there were ten classes.
 *
 * @throws UserError as {@link batches} does.
 */
export async function examples(
  split: Split,
  { perClass, ...options }: Pick<BatchOptions, 'normalize' | 'augment'> & { seed: number; perClass: number },
): Promise<Batch> {
  const classes = new Map<number, number[]>();
  const order = permutation(random(options.seed, 'examples'), split.length);
  if (isUnlabelled(split)) classes.set(0, [...order.subarray(0, WITHOUT_CLASSES * perClass)]);
  for (const index of order) {
    const label = split.labels[index];
    const own = classes.get(label) ?? [];
    if (label >= 0 && own.length < perClass) classes.set(label, [...own, index]);
  }
  const indices = [...classes].sort(([a], [b]) => a - b).flatMap(([, own]) => own);
  const few = subset(split, Uint32Array.from(indices));
  for await (const batch of batches(few, { ...options, batch: Math.max(1, indices.length) })) return batch;
  return fail('There are no labelled samples to take examples of.');
}
