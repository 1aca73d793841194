/** Settings as plain data: a rule for each, defaults filled in, and a sentence for what makes no sense. */
import { fail } from '../base/index.js';

export interface Rule {
  /** undefined: it must be given. */
  fallback?: unknown;
  ok: (value: unknown) => boolean;
  /** Goes on from "… must". */
  must: string;
}

export const number = (ok: (value: number) => boolean, must: string, fallback?: number): Rule => ({
  fallback,
  ok: (value) => typeof value === 'number' && Number.isFinite(value) && ok(value),
  must,
});

export const atLeastZero = (fallback?: number): Rule =>
  number((x) => x >= 0, 'be a number of at least 0', fallback);

export const aboveZero = (fallback?: number): Rule => number((x) => x > 0, 'be a number above 0', fallback);

/** At least 0 and below 1. */
export const fraction = (fallback?: number): Rule =>
  number((x) => x >= 0 && x < 1, 'be a number of at least 0 and below 1', fallback);

export const whole = (least: number, fallback?: number): Rule =>
  number((x) => Number.isSafeInteger(x) && x >= least, `be a whole number of at least ${least}`, fallback);

export const flag = (fallback: boolean): Rule => ({
  fallback,
  ok: (value) => typeof value === 'boolean',
  must: 'be true or false',
});

export const oneOf = <Name extends string>(names: readonly Name[], fallback?: Name): Rule => ({
  fallback,
  ok: (value) => names.includes(value as Name),
  must: `be one of ${names.join(', ')}`,
});

/** The settings with every default filled in. @throws UserError on a value or a name that makes no sense. */
export function resolve(what: string, rules: Readonly<Record<string, Rule>>, settings: object): object {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  const unknown = given.find(([name]) => !(name in rules));
  if (unknown)
    fail(`The ${what} has no setting ${unknown[0]}; there are ${Object.keys(rules).join(', ') || 'none'}.`);
  const values = Object.fromEntries(given);
  return Object.fromEntries(
    Object.entries(rules).map(([name, { fallback, ok, must }]) => {
      const value = values[name] ?? fallback;
      if (value === undefined) fail(`The ${what} needs ${name}, which must ${must}.`);
      if (!ok(value)) fail(`${name} of the ${what} must ${must}, not ${JSON.stringify(value)}.`);
      return [name, value];
    }),
  );
}

/** The rules of the kind that is asked for. @throws UserError that lists the kinds there are. */
export function rulesOf<Kind extends string>(
  what: string,
  kinds: Readonly<Record<Kind, Record<string, Rule>>>,
  kind: Kind,
): Record<string, Rule> {
  return Object.hasOwn(kinds, kind)
    ? kinds[kind]
    : fail(`There is no ${what} ${JSON.stringify(kind)}; choose one of ${Object.keys(kinds).join(', ')}.`);
}
