/** The classes of data and those of a model: the same ones stand in another order where somebody else listed them. */
import type { Dataset, Split } from './dataset.js';

export interface Matched {
  readonly dataset: Dataset;
  /** What to know, where names do not tell which class is which. */
  readonly note?: string;
}

/**
 * The data with their labels as a model counts its classes, matched by name; capitals and what stands between words aside. Data whose
 * classes are numbers take the model's names. Where a name is not among the model's, classes stay as they are, which the note says.
 */
export function matchClasses(dataset: Dataset, classes: readonly string[]): Matched {
  if (dataset.numbered)
    return { dataset: dataset.classes.length <= classes.length ? { ...dataset, classes } : dataset };
  const places = placesOf(dataset.classes, classes);
  if (!places) return { dataset, note: mismatch(dataset.classes, classes) };
  const relabelled = (split: Split): Split => ({
    ...split,
    labels: split.labels.map((label) => places[label] ?? label),
  });
  const sameOrder = places.every((place, label) => place === label);
  const split = (part: Split) => (sameOrder ? part : relabelled(part));
  return {
    dataset: { ...dataset, classes, train: split(dataset.train), test: dataset.test && split(dataset.test) },
  };
}

/** Where each name stands among the others; undefined where one of them stands nowhere, or might stand in two places. */
function placesOf(names: readonly string[], all: readonly string[]): number[] | undefined {
  for (const plain of [(name: string) => name, plainly]) {
    const places = new Map<string, number>();
    const twice = new Set<string>();
    for (const [place, name] of all.entries()) {
      if (places.has(plain(name))) twice.add(plain(name));
      places.set(plain(name), place);
    }
    const found = names.map((name) => (twice.has(plain(name)) ? undefined : places.get(plain(name))));
    if (found.every((place) => place !== undefined) && new Set(found).size === found.length)
      return found as number[];
  }
  return undefined;
}

/** 'Traffic light', 'traffic_light' and 'traffic-light' are the same class. */
const plainly = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[\s_-]+/g, ' ')
    .trim();

/** Names that a sentence lists. */
const LISTED = 6;

const listed = (names: readonly string[]): string =>
  names.length > LISTED ? `${names.slice(0, LISTED).join(', ')}, …` : names.join(', ');

function mismatch(names: readonly string[], all: readonly string[]): string {
  const known = new Set(all.map(plainly));
  const strange = names.filter((name) => !known.has(plainly(name)));
  return `The classes of the data are not those that the model names (${listed(strange.length > 0 ? strange : names)} of the data; the model has ${listed(all)}), so they are taken in their order: the first of the data is the model’s first.`;
}
