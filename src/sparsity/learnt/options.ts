/** Rules for the options of learnt masks. */
import { number, oneOf, type Rule, resolve } from '../../train/settings.js';
import { frozenWeights } from './frozen.js';

/** In (0, 1). */
export const sparsity = number(
  (x) => x > 0 && x < 1,
  'be a number between 0 and 1, both excluded (0.95 removes 95 %)',
);

export const frozenKind = oneOf(
  [...(Object.keys(frozenWeights) as (keyof typeof frozenWeights)[]), 'as-is'],
  'signed-constant',
);

/** The options with defaults filled in. @throws UserError on one that makes no sense or that the method does not have. */
export const resolveOptions = <Options>(
  method: string,
  rules: Readonly<Record<keyof Options & string, Rule>>,
  given: Readonly<Record<string, unknown>>,
): Options => resolve(`method ${method}`, rules, given) as Options;

/** The defaults of the rules that have one. */
export const defaultsOf = (rules: Readonly<Record<string, Rule>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(rules).flatMap(([name, { fallback }]) =>
      fallback === undefined ? [] : [[name, fallback]],
    ),
  );
