/** Learning from another network: what a training run checks of its teacher, and how a resumed run knows it again. */
import { createHash } from 'node:crypto';
import { fail } from '../base/index.js';
import type { Split } from '../data/index.js';
import type { Teacher } from '../engine/index.js';
import { floats } from '../onnx/index.js';
import { aboveZero, number, resolve } from './settings.js';

const rules = {
  temperature: aboveZero(),
  weight: number((x) => x >= 0 && x <= 1, 'be a number from 0 to 1'),
};

/**
 * Checks a teacher besides labels.
 * @throws UserError on settings that make no sense, and when samples without labels (−1) are to be learnt by their labels.
 */
export function checkTeacher(teacher: Teacher | undefined, split: Split): void {
  if (teacher?.weight !== 1) checkLabels(split);
  if (!teacher) return;
  const { graph: _, ...settings } = teacher;
  resolve('teacher', rules, settings);
}

function checkLabels({ labels }: Split): void {
  const index = labels.findIndex((label) => label < 0);
  if (index >= 0)
    fail(`Sample ${index} to train on has no label; give it one, or learn from a teacher alone (weight 1).`);
}

/** What tells a teacher from others: its settings and a digest of its operators and weights. Survives JSON. */
export function fingerprint({ graph, temperature, weight }: Teacher): Record<string, unknown> {
  const hash = createHash('sha256');
  for (const { op, inputs, outputs } of graph.nodes) hash.update(JSON.stringify([op, inputs, outputs]));
  for (const [name, tensor] of graph.initializers) {
    hash.update(JSON.stringify([name, tensor.shape]));
    if (tensor.dtype !== 'string') hash.update(floats(tensor));
  }
  return { temperature, weight, digest: hash.digest('hex').slice(0, 16) };
}
