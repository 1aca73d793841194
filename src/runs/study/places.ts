/** The settings at a place of a study's file, which may lie in other settings: 'search.space.lr'. */
import {
  fail,
  flawIn,
  isRecord,
  meant,
  nearest,
  type Rule,
  type Rules,
  shown,
  type Values,
} from '../../base/index.js';

/** Where settings stand. */
export interface Place {
  /** Path of the study. */
  study: string;
  /** The settings that these lie in, the outermost first; none at the top of the file. */
  within: readonly string[];
}

/** The place of the settings that `name` holds. */
export const inside = ({ study, within }: Place, name: string): Place => ({
  study,
  within: [...within, name],
});

/** A value that a setting may take in a list. */
export type Scalar = string | number | boolean;

export const isScalar = (value: unknown): value is Scalar =>
  typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);

/** Settings in braces, of which nothing else is known here. */
export const braces = (must: string): Rule<Record<string, unknown>> => ({ ok: isRecord, must });

/** A record with the same names and other values. */
export const entriesOf = <T>(
  record: Readonly<Record<string, unknown>>,
  value: (name: string, given: unknown) => T,
): Record<string, T> =>
  Object.fromEntries(Object.entries(record).map(([name, given]) => [name, value(name, given)]));

/** Says what a setting must be, and what it is instead. @throws UserError */
export function refuseAt({ study, within }: Place, name: string, must: string, is: string): never {
  return fail(`In the study ${study}, ${[...within, name].join('.')} must ${must}, but it is ${is}.`);
}

/**
 * The settings at a place, every one of them sound by itself, and those that are needed among them.
 * @throws UserError that names the first that is missing or not sound, or that has no place there.
 */
export function settingsAt<R extends Rules, Needed extends keyof R & string = never>(
  place: Place,
  rules: R,
  { given, needed = [] }: { given: object; needed?: readonly Needed[] },
): Values<R> & Required<Pick<Values<R>, Needed>> {
  const missing = needed.find((name) => (given as Values<R>)[name] === undefined);
  if (missing) refuseAt(place, missing, rules[missing].must, `missing${typedInstead(missing, given, rules)}`);
  const flaw = flawIn(rules, given);
  if (flaw?.must) refuseAt(place, flaw.name, flaw.must, shown(flaw.value));
  if (flaw) refuseName(place, flaw.name, Object.keys(rules));
  return given as Values<R> & Required<Pick<Values<R>, Needed>>;
}

/** ' ("seed" is there: did you mean seeds?)', or nothing where no other name is near. */
function typedInstead(name: string, given: object, rules: Rules): string {
  const typed = Object.keys(given).find((other) => !Object.hasOwn(rules, other) && nearest(other, [name]));
  return typed === undefined ? '' : ` (${JSON.stringify(typed)} is there: did you mean ${name}?)`;
}

function refuseName({ study, within }: Place, name: string, known: readonly string[]): never {
  const where = within.length > 0 ? ` in ${within.join('.')}` : '';
  const names = known.join(', ').replace(/, ([^,]*)$/, ' and $1');
  return fail(
    `The study ${study} has no place for ${JSON.stringify(name)}${where}${meant(name, known)}; it holds ${names}.`,
  );
}
