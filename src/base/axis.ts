/** Axes of methods (scores, schedules, importances, …): named values, to which a method may add its own as functions. */
import { fail } from './errors.js';
import { guardedParts } from './guard.js';

/** A table of named values that may grow. */
export type Axis<Entry> = Record<string, Entry>;

/** The numbers that a function of a user's gives. @throws UserError when there are not as many as there must be. */
export function asMany<Values extends ArrayLike<number>>(
  what: string,
  values: Values,
  count: number,
): Values {
  if (values?.length !== count)
    fail(
      `${what} must give ${count} numbers, one for each it is asked about, but gives ${values?.length ?? 'none'}.`,
    );
  return values;
}

/** Refuses what a function of a user's makes of finite numbers where that is not a number. */
export function refuseNaN(
  what: string,
  values: ArrayLike<number>,
  isSound: (index: number) => boolean,
): void {
  for (let i = 0; i < values.length; i++)
    if (Number.isNaN(Number(values[i])) && isSound(i))
      fail(
        `${what} gives no number (${values[i]}) for element ${i}, though all that it is made of is finite.`,
      );
}

/** What stands behind the names that were added, so that adding the same again changes nothing. */
const added = new WeakMap<object, Map<string, object>>();

/**
 * The name of a value of an axis that is given by its name or as itself, a function or an object with a `name`; then `entryOf` makes
 * the axis's entry of it.
 * @throws UserError when it has no name, or there is another value of its name.
 */
export function nameOn<Entry, Own extends object>(
  { what, axis }: { what: string; axis: Axis<Entry> },
  value: string | Own,
  entryOf: (value: Own) => Entry,
): string {
  if (typeof value === 'string') return value;
  const { name } = value as { name?: unknown };
  if (typeof name !== 'string' || name === '')
    return fail(`A ${what} of your own needs a name: write it as a function with a name.`);
  const own = added.get(axis) ?? new Map<string, object>();
  if (Object.hasOwn(axis, name) && own.get(name) !== value)
    return fail(`There is a ${what} ${name} already: give yours another name.`);
  axis[name] = entryOf(guardedParts(`The ${what} ${name}`, value));
  added.set(axis, own.set(name, value));
  return name;
}
