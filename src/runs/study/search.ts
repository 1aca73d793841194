/**
 * What a study tries by itself: settings that are drawn, and when hopeless ones are stopped (halving.ts).
 *
 * Random search: settings drawn from a space, so many of them, from a seed. They become the values of an axis named `trial`, so a search is a
 * study like any other: every draw has all seeds, and the table has every one of them.
 */
import {
  flag,
  integer,
  isRecord,
  listOf,
  number,
  type Random,
  type Rule,
  random,
  shown,
  uniform,
  whole,
} from '../../base/index.js';
import { entriesOf, inside, isScalar, type Place, refuseAt, type Scalar, settingsAt } from './places.js';

/** The ends of a range, the lower one first. */
type Ends = readonly [low: number, high: number];

/** What a setting is drawn from: a list of values, or a range on a scale. */
type Range = Scalar[] | { uniform: Ends } | { log: Ends } | { whole: Ends };

/** A random search. */
export interface Search {
  /** How many settings are drawn. */
  samples: number;
  seed: number;
  /** Setting → what it is drawn from. */
  space: Readonly<Record<string, Range>>;
}

/** When settings that do badly are stopped. */
export interface Halving {
  /** Epochs after which some are stopped, in rising order. */
  after: readonly number[];
  /** Fraction of the settings that goes on each time. */
  keep: number;
  /** Settings go on as soon as they are among the best so far, instead of when all have come as far. */
  asynchronous: boolean;
}

const ends = (ok: (end: number) => boolean, kind: string): Rule<Ends> => ({
  ok: (value): value is Ends =>
    listOf((end): end is number => typeof end === 'number' && Number.isFinite(end) && ok(end))(value) &&
    value.length === 2 &&
    value[0] < value[1],
  must: `be two ${kind}, the lower one first`,
});

const scales = {
  uniform: ends(() => true, 'numbers'),
  log: ends((end) => end > 0, 'numbers above 0'),
  whole: ends(Number.isSafeInteger, 'whole numbers'),
};

const searchRules = {
  samples: whole('number of settings that are drawn', 1),
  seed: whole('seed of the draws', 0),
  space: {
    ok: (value: unknown): value is Record<string, unknown> =>
      isRecord(value) && Object.keys(value).length > 0,
    must: 'hold the settings that are drawn, such as lr: { log: [1e-4, 0.1] }',
  },
};

const halvingRules = {
  after: {
    ok: (value: unknown): value is number[] =>
      listOf((epoch): epoch is number => Number.isSafeInteger(epoch))(value) &&
      value.length > 0 &&
      value.every((epoch, i) => epoch > (i === 0 ? 0 : value[i - 1])),
    must: 'be epochs in rising order, such as [2, 6]',
  },
  keep: number(
    'fraction of the settings that goes on',
    (x) => x > 0 && x < 1,
    'be a number above 0 and below 1, such as 0.33',
  ),
  asynchronous: flag('let settings go on without waiting for those that are slower'),
};

/** The search of a study's file. @throws UserError */
export function searchAt(place: Place, given: object): Search {
  const {
    samples,
    seed = 0,
    space,
  } = settingsAt(place, searchRules, { given, needed: ['samples', 'space'] });
  const at = inside(place, 'space');
  return { samples, seed, space: entriesOf(space, (name, range) => rangeAt(at, name, range)) };
}

const RANGE =
  'be a list of values, or { uniform: [0, 1] }, { log: [1e-4, 0.1] } or { whole: [1, 9] }, the lower end first';

function rangeAt(place: Place, name: string, range: unknown): Range {
  if (listOf(isScalar)(range) && range.length > 0) return range;
  const [ends, ...others] = isRecord(range) ? Object.values(range) : [];
  if (ends === undefined || others.length > 0) refuseAt(place, name, RANGE, shown(range));
  return settingsAt(inside(place, name), scales, { given: range as object }) as Range;
}

/** The halving of a study's file. @throws UserError */
export function halvingAt(place: Place, given: object): Halving {
  const {
    after,
    keep = 1 / 3,
    asynchronous = false,
  } = settingsAt(place, halvingRules, { given, needed: ['after'] });
  return { after, keep, asynchronous };
}

/** A value of the axis of trials. */
interface Trial {
  label: string;
  settings: object;
}

/** Draws with four significant digits, so that a recipe can be read. Draws that come out alike are drawn once more. */
export function trialAxis({ samples, seed, space }: Search): { name: string; values: Trial[] } {
  const stream = random(seed, 'search');
  const known = new Set<string>();
  const values: Trial[] = [];
  const digits = String(samples).length;
  // A space of few values may have fewer settings than are asked for.
  for (let tries = 0; values.length < samples && tries < 100 * samples; tries++) {
    const settings = Object.fromEntries(
      Object.entries(space).map(([name, range]) => [name, drawn(range, stream)]),
    );
    const text = JSON.stringify(settings);
    if (known.has(text)) continue;
    known.add(text);
    values.push({ label: `t${String(values.length + 1).padStart(digits, '0')}`, settings });
  }
  return { name: 'trial', values };
}

function drawn(range: Search['space'][string], stream: Random): unknown {
  if (Array.isArray(range)) return range[integer(stream, range.length)];
  if ('whole' in range) return range.whole[0] + integer(stream, range.whole[1] - range.whole[0] + 1);
  const [low, high] = 'log' in range ? range.log.map(Math.log) : range.uniform;
  const value = low + uniform(stream) * (high - low);
  return Number(('log' in range ? Math.exp(value) : value).toPrecision(4));
}
