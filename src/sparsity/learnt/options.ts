/** Settings that several methods of learnt masks have, and how theirs are resolved. */
import { choice, flag, type Setting, type Settings, usually } from '../../base/index.js';
import { resolve } from '../../train/index.js';
import { gradualSettings } from '../settings.js';
import { frozenWeights } from './frozen.js';

export const { sparsity } = gradualSettings;

export const allowEmpty = usually(gradualSettings.allowEmpty, false);

export const frozenKind = usually(
  choice('distribution of the frozen weights', [
    ...(Object.keys(frozenWeights) as (keyof typeof frozenWeights)[]),
    'as-is',
  ]),
  'signed-constant',
);

export const scaleFan = usually(
  flag('scale the frozen weights for the number of inputs that are kept'),
  true,
);

/** The options with defaults filled in. @throws UserError on one that makes no sense or that the method does not have. */
export const resolveOptions = <Options>(
  method: string,
  settings: Readonly<Record<keyof Options & string, Setting>>,
  given: Readonly<Record<string, unknown>>,
): Options => resolve(`method ${method}`, settings, given) as Options;

/** The defaults of the settings that have one. */
export const defaultsOf = (settings: Settings): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(settings).flatMap(([name, { fallback }]) =>
      fallback === undefined ? [] : [[name, fallback]],
    ),
  );
