/** What can be learnt. */

/** Classes of samples, a teacher's outputs, or what `y` of an .npz holds. */
export const learnable = [
  'classification',
  'distillation',
  'regression',
  'absolute',
  'huber',
  'dense',
  'multi-label',
] as const;

export type Learnable = (typeof learnable)[number];

/** Whether `y` holds what the model should answer, and not classes of samples. */
export const hasTargets = (learn: Learnable | undefined): boolean =>
  learn !== undefined && learn !== 'classification' && learn !== 'distillation';
