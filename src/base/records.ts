/** Plain objects that are looked up by names from files. */

/**
 * The record's own entry, undefined where it has none. Every object inherits entries called 'constructor', 'toString' or
 * '__proto__', and a model may well have an input of such a name.
 */
export const own = <V>(record: Readonly<Record<string, V>> | undefined, name: string): V | undefined =>
  record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;

/** An empty record that inherits nothing, so that any name can be written to it: '__proto__' too. */
export const emptyRecord = <V>(): Record<string, V> => Object.create(null);
