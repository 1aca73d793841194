/** What can be learnt, as `--learn` says it. */
import { basename, extname } from 'node:path';
import type { Setting } from '../base/setting.js';
import { isUserFile } from './user-file.js';

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

const isLearnable = (learn: string): boolean => (learnable as readonly string[]).includes(learn);

/** Whether `y` holds what the model should answer, and not classes of samples. */
export const hasTargets = (learn: string | undefined): boolean =>
  learn !== undefined && learn !== 'classification' && learn !== 'distillation';

/** The files with objectives of users' own. */
export const filesToLearn = (learn: string | undefined): string[] =>
  learn !== undefined && isUserFile(learn) ? [learn] : [];

/** The same with every path moved. */
export const learnMoved = (learn: string, move: (path: string) => string): string =>
  isUserFile(learn) ? move(learn) : learn;

/** How tables call what is learnt. */
export const titleOfLearn = (learn: string): string =>
  isUserFile(learn) ? basename(learn, extname(learn)) : learn;

export const learnSetting: Setting<string> = {
  ok: (value): value is string => typeof value === 'string' && (isLearnable(value) || isUserFile(value)),
  must: `be one of ${learnable.join(', ')}, or the file of an objective of your own, such as ./mine.mjs`,
  parse: (given) => given,
  argument: 'NAME',
  words: learnable,
  about: `what is learnt and measured (default: classification where samples have labels, else distillation from a teacher): ${learnable.join(', ')}, or a file with an objective of your own`,
};
