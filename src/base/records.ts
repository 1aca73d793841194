/** Plain objects: looked up by names from files, and the numbers in them. */

/**
 * The record's own entry, undefined where it has none. Every object inherits entries called 'constructor', 'toString' or
 * '__proto__', and a model may well have an input of such a name.
 */
export const own = <V>(record: Readonly<Record<string, V>> | undefined, name: string): V | undefined =>
  record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;

/** Is it an object with entries by name, as the braces of JSON and YAML make it? */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An empty record that inherits nothing, so that any name can be written to it: '__proto__' too. */
export const emptyRecord = <V>(): Record<string, V> => Object.create(null);

/** Numbers of an object by their path: { test: { loss: 1 } } has 'test.loss'. Those in lists are left out. */
export function numbersByPath(value: object, prefix = ''): Record<string, number> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => {
      if (typeof inner === 'number') return [[prefix + key, inner]];
      if (!inner || typeof inner !== 'object' || Array.isArray(inner)) return [];
      return Object.entries(numbersByPath(inner, `${prefix}${key}.`));
    }),
  );
}
