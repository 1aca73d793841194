/** What can be learnt, as `--learn` says it: one thing, or `OUTPUT=WHAT:WEIGHT` for several outputs of a model. */
import { basename, extname } from 'node:path';
import { isUserFile, type Setting } from '../base/index.js';

/** Classes of samples, a teacher's outputs, what `y` of an .npz holds, or a loss that the model computes. */
export const learnable = [
  'classification',
  'distillation',
  'regression',
  'absolute',
  'huber',
  'dense',
  'multi-label',
  'loss',
] as const;

/** What an output learns, and how much its loss counts. */
export interface LearntOutput {
  output: string;
  what: string;
  weight: number;
}

const ONE_OUTPUT = /^([^=\s]+)=([^=\s]+?)(?::(\d*\.?\d+))?$/;

/** Several outputs; undefined where one thing is learnt. */
export function outputsToLearn(learn: string | undefined): LearntOutput[] | undefined {
  const parts = (learn ?? '').trim().split(/\s+/);
  const found = parts.flatMap((part) => {
    const [, output, what, weight = '1'] = ONE_OUTPUT.exec(part) ?? [];
    return output ? [{ output, what, weight: Number(weight) }] : [];
  });
  return found.length === parts.length ? found : undefined;
}

/** A teacher answers for all outputs at once. */
const isOfOutput = (what: string): boolean => what !== 'distillation' && isLearnable(what);

const isLearnable = (what: string): boolean =>
  (learnable as readonly string[]).includes(what) || isUserFile(what);

function isSound(learn: string): boolean {
  const outputs = outputsToLearn(learn);
  if (!outputs) return isLearnable(learn);
  const names = new Set(outputs.map(({ output }) => output));
  return names.size === outputs.length && outputs.every(({ what, weight }) => isOfOutput(what) && weight > 0);
}

/** Arrays of an .npz that hold what the model should answer; none where samples have classes, or need no targets. */
export function targetsToLearn(learn: string | undefined): string[] {
  const outputs = outputsToLearn(learn);
  if (outputs) return outputs.filter(({ what }) => what !== 'loss').map(({ output }) => output);
  return learn === undefined || ['classification', 'distillation', 'loss'].includes(learn) ? [] : ['y'];
}

/** The files with objectives of users' own. */
export const filesToLearn = (learn: string | undefined): string[] =>
  (outputsToLearn(learn)?.map(({ what }) => what) ?? [learn ?? '']).filter(isUserFile);

/** The same with every path moved. */
export function learnMoved(learn: string, move: (path: string) => string): string {
  const moved = (what: string) => (isUserFile(what) ? move(what) : what);
  const outputs = outputsToLearn(learn);
  if (!outputs) return moved(learn);
  return outputs.map(({ output, what, weight }) => `${output}=${moved(what)}:${weight}`).join(' ');
}

/** How tables call what is learnt. */
export const titleOfLearn = (learn: string): string =>
  isUserFile(learn) && !outputsToLearn(learn) ? basename(learn, extname(learn)) : learn;

export const learnSetting: Setting<string> = {
  ok: (value): value is string => typeof value === 'string' && isSound(value),
  must: `be one of ${learnable.join(', ')}, the file of an objective of your own, such as ./mine.mjs, or OUTPUT=WHAT:WEIGHT for each of several outputs, such as 'boxes=huber:1 kinds=multi-label:0.5', each output once and none by distillation`,
  parse: (given) => given,
  argument: 'NAME',
  words: learnable,
  about: `what the model learns, and is measured by (default: classification where samples have labels, else distillation from a teacher): ${learnable.join(', ')}, a file with an objective of your own, or OUTPUT=WHAT:WEIGHT for each of several outputs, separated by spaces`,
};
