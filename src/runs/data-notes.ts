/** What whoever reads a run's figures should know of its data. */
import { type Dataset, isUnlabelled, type Split } from '../data/index.js';
import { sizeOfAnswer } from './reach.js';
import type { Task } from './task.js';

/** Sentences: what data and model say differently, what was left out, and which classes the split has no sample of. */
export function dataNotes(
  { graph, dataset, inputShapes, notes = [] }: Task,
  split: 'training' | 'test',
): string[] {
  if (isUnlabelled(dataset.train)) return [...notes, ...(dataset.notes ?? [])];
  const outputs = sizeOfAnswer({ graph, inputShapes }) ?? 0;
  const samples = split === 'test' ? (dataset.test ?? dataset.train) : dataset.train;
  const missing = missingClasses(samples, outputs);
  return [
    ...notes,
    ...(dataset.notes ?? []),
    ...(missing.length > 0 ? [withoutSample(missing, dataset, split)] : []),
  ];
}

/** The classes, of so many, that no sample is of. */
function missingClasses({ labels }: Split, classes: number): number[] {
  const found = new Set(labels);
  return Array.from({ length: classes }, (_, label) => label).filter((label) => !found.has(label));
}

/** Names that a sentence lists. */
const LISTED = 12;

function withoutSample(missing: readonly number[], { classes }: Dataset, split: string): string {
  const names = missing.slice(0, LISTED).map((label) => classes[label] ?? String(label));
  const more = missing.length > LISTED ? ` and ${missing.length - LISTED} more` : '';
  return missing.length === 1
    ? `Class ${names[0]} has no ${split} sample.`
    : `${missing.length} classes have no ${split} sample: ${names.join(', ')}${more}.`;
}
