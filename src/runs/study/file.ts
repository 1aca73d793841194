/** What a study's file says: every setting sound by itself, and no others. */
import { isRecord, listOf, shown, text } from '../../base/index.js';
import {
  braces,
  entriesOf,
  inside,
  isScalar,
  type Place,
  refuseAt,
  type Scalar,
  settingsAt,
} from './places.js';
import { type Halving, halvingAt, type Search, searchAt } from './search.js';

/** What an axis has: values, or names with the settings that each stands for. */
export type AxisValues = Scalar[] | Readonly<Record<string, Record<string, unknown>>>;

/** A study as its file has it. */
export interface StudyFile {
  title: string;
  recipe: Record<string, unknown>;
  vary: Readonly<Record<string, AxisValues>>;
  search?: Search;
  halving?: Halving;
  seeds: readonly number[];
  baseline?: string;
}

const isSeed = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const rules = {
  title: { ...text('title of the study', 'TEXT'), must: 'be a text, such as title: Two methods compared' },
  recipe: braces('hold the settings that all runs share'),
  vary: braces('hold what varies, such as sparsity: [0.9, 0.95]'),
  search: braces('hold samples and space, such as space: { lr: { log: [1e-4, 0.1] } }'),
  halving: braces('hold the epochs after which settings are stopped, such as after: [2, 6]'),
  seeds: { ok: listOf(isSeed), must: 'be a list of whole numbers, such as [1, 2, 3]' },
  baseline: {
    ...text('value that others are compared with', 'NAME'),
    must: 'be the name of a value that varies',
  },
};

/** @throws UserError that says what is wrong with the study, and where. */
export function studyFile(study: string, given: object): StudyFile {
  const place = { study, within: [] };
  const {
    vary = {},
    search,
    halving,
    seeds,
    ...rest
  } = settingsAt(place, rules, {
    given,
    needed: ['title', 'recipe', 'seeds'],
  });
  if (seeds.length === 0) refuseAt(place, 'seeds', 'name one seed at least', shown(seeds));
  return {
    ...rest,
    seeds,
    vary: entriesOf(vary, (name, values) => axisAt(inside(place, 'vary'), name, values)),
    search: search && searchAt(inside(place, 'search'), search),
    halving: halving && halvingAt(inside(place, 'halving'), halving),
  };
}

function axisAt(place: Place, name: string, values: unknown): AxisValues {
  if (listOf(isScalar)(values) && values.length > 0) return values;
  const named = isRecord(values) ? Object.values(values) : [];
  if (named.length > 0 && named.every(isRecord)) return values as AxisValues;
  return refuseAt(place, name, 'be a list of values, or names with their settings in braces', shown(values));
}
