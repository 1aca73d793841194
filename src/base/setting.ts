/**
 * Settings as plain data: what a value must be, what it is without one, how a flag's text becomes it, and a phrase for the help. Flags,
 * the schema of recipes, help, refusals and the types of options are all made from these.
 */
import { fail } from './errors.js';
import { nearest } from './nearest.js';

/** What a value must be. */
export interface Rule<T = unknown> {
  ok(value: unknown): value is T;
  /** Goes on from "must". */
  must: string;
}

/** A setting: what a value must be, its default, and its help. */
export interface Setting<T = unknown> extends Rule<T> {
  /** Its value where none is given. */
  fallback?: T;
  /** What a flag's text means; what cannot be read is passed on to be refused. Absent: a switch without text. */
  parse?: (text: string) => unknown;
  /** Stands for the text in the help: 'N', 'DATA', 'a|b'. */
  argument?: string;
  /** A phrase for the help. */
  about: string;
  /** Other flags that mean the same, which people try first. */
  synonyms?: readonly string[];
  /** Names that it had in earlier versions, under which recipes may still give it. */
  formerly?: readonly string[];
  /** Words that a shell may offer. */
  words?: readonly string[];
}

/** Settings by name. */
// biome-ignore lint/suspicious/noExplicitAny: a table of settings of any types
export type Settings = Readonly<Record<string, Setting<any>>>;

/** Rules by name. */
// biome-ignore lint/suspicious/noExplicitAny: a table of rules for any types
export type Rules = Readonly<Record<string, Rule<any>>>;

/** The values that such settings take, none of them given for sure. */
export type Values<S extends Rules> = { [Name in keyof S]?: S[Name] extends Rule<infer T> ? T : never };

const numeric = (text: string): unknown =>
  text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;

/** '90%' is 0.9. */
export const percentage = (text: string): unknown => {
  const [, digits] = /^\s*([\d.]+)\s*%\s*$/.exec(text) ?? [];
  return digits ? Number((Number(digits) / 100).toPrecision(12)) : numeric(text);
};

const listed = (text: string): string[] => text.split(',').map((item) => item.trim());

/** A number of which `ok` is true. */
export const number = (
  about: string,
  ok: (x: number) => boolean,
  must: string,
  argument = 'X',
): Setting<number> => ({
  ok: (value): value is number => typeof value === 'number' && Number.isFinite(value) && ok(value),
  must,
  parse: argument === 'FRACTION' ? percentage : numeric,
  argument,
  about,
});

/** A whole number of at least `least`. */
export const whole = (about: string, least: number, argument = 'N'): Setting<number> =>
  number(
    about,
    (x) => Number.isSafeInteger(x) && x >= least,
    `be a whole number of at least ${least}`,
    argument,
  );

/** Above 0 and below 1. */
export const fraction = (about: string): Setting<number> =>
  number(about, (x) => x > 0 && x < 1, 'be a number above 0 and below 1, such as 0.9', 'FRACTION');

type Bounds = readonly [ok: (x: number) => boolean, must: string, argument?: string];

/** For {@link number}: above 0. */
export const aboveZero: Bounds = [(x) => x > 0, 'be a number above 0'];
/** For {@link number}: at least 0. */
export const atLeastZero: Bounds = [(x) => x >= 0, 'be a number of at least 0'];
/** For {@link number}: at least 0 and below 1; text may be a percentage. */
export const belowOne: Bounds = [(x) => x >= 0 && x < 1, 'be a number of at least 0 and below 1', 'FRACTION'];
/** For {@link number}: above 0 and at most 1; text may be a percentage. */
export const upToOne: Bounds = [(x) => x > 0 && x <= 1, 'be a number above 0 and at most 1', 'FRACTION'];

/** A text that is not empty; a shell may offer `words`. */
export const text = (about: string, argument: string, words?: readonly string[]): Setting<string> => ({
  ok: (value): value is string => typeof value === 'string' && value !== '',
  must: 'be a text that is not empty',
  parse: (given) => given,
  argument,
  about,
  words,
});

/** Names that fit stand in the flag's place for its text, others behind what the flag is about. */
export const choice = <const Name extends string>(about: string, names: readonly Name[]): Setting<Name> => {
  const short = names.join('|');
  const fits = short.length <= 16;
  return {
    ok: (value): value is Name => names.includes(value as Name),
    must: `be one of ${names.join(', ')}`,
    parse: (given) => given,
    argument: fits ? short : 'NAME',
    words: names,
    about: fits ? about : `${about}: ${names.join(', ')}`,
  };
};

/** The name of an entry of an axis, which may have more than it had when this was written. */
export const entryOf = <Name extends string>(
  about: string,
  axis: Readonly<Record<Name, unknown>>,
): Setting<Name> => ({
  ...choice(about, Object.keys(axis) as Name[]),
  ok: (value): value is Name => typeof value === 'string' && Object.hasOwn(axis, value),
});

/** A switch: true or false. */
export const flag = (about: string): Setting<boolean> => ({
  ok: (value): value is boolean => typeof value === 'boolean',
  must: 'be true or false',
  about,
});

/** A test for lists of items of which `ok` is true; the empty list is one. */
export const listOf =
  <T>(ok: (item: unknown) => item is T) =>
  (value: unknown): value is T[] =>
    Array.isArray(value) && value.every(ok);

/** A list of numbers, separated by commas on the command line. */
export const numbers = (about: string, argument: string): Setting<number[]> => ({
  ok: listOf((item): item is number => typeof item === 'number' && Number.isFinite(item)),
  must: 'be a list of numbers',
  parse: (given) => listed(given).map(numeric),
  argument,
  about,
});

/** A list of names, separated by commas on the command line. */
export const names = (about: string, argument: string): Setting<string[]> => ({
  ok: listOf((item): item is string => typeof item === 'string'),
  must: 'be a list of names',
  parse: (given) => listed(given).filter((name) => name !== ''),
  argument,
  about,
});

/** A setting with the value that it has where none is given. */
export const usually = <T>(setting: Setting<T>, fallback: T): Setting<T> => ({ ...setting, fallback });

/** Settings whose defaults depend on the run. */
export const withoutDefaults = <S extends Settings>(settings: S): S =>
  Object.fromEntries(
    Object.entries(settings).map(([name, { fallback: _, ...setting }]) => [name, setting]),
  ) as unknown as S;

/**
 * One table of the settings of several owners, in their order. What only some have says whose it is, and what means several things says
 * so for each; a value must do for one of them.
 */
export function together(owners: readonly { owner: string; settings: Settings }[]): Settings {
  const all = new Map<string, { owners: string[]; setting: Setting }[]>();
  for (const { owner, settings } of owners)
    for (const [name, { fallback: _, ...setting }] of Object.entries(settings)) {
      const meanings = all.get(name) ?? [];
      const same = meanings.find((meaning) => meaning.setting.about === setting.about);
      if (same) same.owners.push(owner);
      else meanings.push({ owners: [owner], setting });
      all.set(name, meanings);
    }
  return Object.fromEntries(
    [...all].map(([name, meanings]) => {
      const [{ setting }] = meanings;
      const about = meanings.map(({ owners, setting }) => {
        const whose = owners.filter(Boolean).join(', ');
        return owners.includes('') || !whose ? setting.about : `${whose}: ${setting.about}`;
      });
      const ok = (value: unknown): value is unknown => meanings.some(({ setting }) => setting.ok(value));
      return [name, { ...setting, ok, about: about.join('; ') }];
    }),
  );
}

/** A setting whose flag people also call by other names. */
export const also = <T>(setting: Setting<T>, ...synonyms: string[]): Setting<T> => ({ ...setting, synonyms });

/** A setting that had other names in earlier versions: recipes may give them, and flags of theirs are understood. */
export const formerly = <T>(setting: Setting<T>, ...old: string[]): Setting<T> => ({
  ...setting,
  formerly: old,
  synonyms: [...(setting.synonyms ?? []), ...old.map(flagOf)],
});

/** What was given, every setting under the name that it has now; where both names are given the one of now counts. */
function underNewNames(settings: Settings, given: object): object {
  const named: Record<string, unknown> = { ...given };
  for (const [name, { formerly: old = [] }] of Object.entries(settings))
    for (const former of old) {
      if (!Object.hasOwn(named, former)) continue;
      named[name] ??= named[former];
      delete named[former];
    }
  return named;
}

/** `labelSmoothing` → `--label-smoothing`. */
export const flagOf = (name: string): string =>
  `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** ' (did you mean lr?)', or nothing where no name is near. */
export const meant = (name: string, known: readonly string[]): string => {
  const guess = nearest(name, [...known]);
  return guess ? ` (did you mean ${guess}?)` : '';
};

/** A value in a few words; lists of YAML may contain themselves. */
export function shown(value: unknown): string {
  try {
    const text = JSON.stringify(value) ?? String(value);
    return text.length > 100 ? `${text.slice(0, 100)}…` : text;
  } catch {
    return 'something that contains itself';
  }
}

/** What is wrong with given values: one is not what it must be, or there is no such name. */
export type Flaw = { name: string; must: string; value: unknown } | { name: string; must?: undefined };

/** The first value that breaks its rule, else the first name that has none; undefined where all is well. */
export function flawIn(rules: Rules, given: object): Flaw | undefined {
  const values = given as Record<string, unknown>;
  for (const [name, { ok, must }] of Object.entries(rules))
    if (values[name] !== undefined && !ok(values[name])) return { name, must, value: values[name] };
  const unknown = Object.keys(values).find(
    (name) => values[name] !== undefined && !Object.hasOwn(rules, name),
  );
  return unknown === undefined ? undefined : { name: unknown };
}

/**
 * The settings of `owner`, every one of them sound by itself; those that are not given are left out.
 * @throws UserError that names the first that is not, or that there is none of that name.
 */
export function checked<S extends Settings>(owner: string, settings: S, told: object): Values<S> {
  const given = underNewNames(settings, told);
  const flaw = flawIn(settings, given);
  if (flaw?.must) fail(`The setting ${flaw.name} must ${flaw.must}, but it is ${shown(flaw.value)}.`);
  const known = Object.keys(settings);
  if (flaw)
    fail(
      `${owner} has no setting ${JSON.stringify(flaw.name)}${meant(flaw.name, known)}; there are ${known.join(', ')}.`,
    );
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Values<S>;
}
