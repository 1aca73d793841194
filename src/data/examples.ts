/** A few samples of every class. */
import { fail } from '../base/errors.js';
import { permutation, random } from '../base/random.js';
import { type Batch, type BatchOptions, batches } from './batches.js';
import { type Split, subset } from './dataset.js';

/**
 * One batch of `perClass` samples of every class, or all that a class has, drawn by the seed; class after class.
 *
 * @throws UserError when no sample has a label, and as {@link batches} does.
 */
export async function examples(
  split: Split,
  { perClass, ...options }: Pick<BatchOptions, 'normalize' | 'augment'> & { seed: number; perClass: number },
): Promise<Batch> {
  const classes = new Map<number, number[]>();
  for (const index of permutation(random(options.seed, 'examples'), split.length)) {
    const label = split.labels[index];
    const own = classes.get(label) ?? [];
    if (label >= 0 && own.length < perClass) classes.set(label, [...own, index]);
  }
  const indices = [...classes].sort(([a], [b]) => a - b).flatMap(([, own]) => own);
  const few = subset(split, Uint32Array.from(indices));
  for await (const batch of batches(few, { ...options, batch: Math.max(1, indices.length) })) return batch;
  return fail('There are no labelled samples to take examples of.');
}
