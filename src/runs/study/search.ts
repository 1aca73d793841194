/**
 * What a study tries by itself: settings that are drawn, and when hopeless ones are stopped (halving.ts).
 *
 * Random search: settings drawn from a space, so many of them, from a seed. They become the values of an axis named `trial`, so a search is a
 * study like any other: every draw has all seeds, and the table has every one of them.
 */
import { z } from 'zod';
import { integer, type Random, random, uniform } from '../../base/index.js';

const ends = z
  .tuple([z.number(), z.number()])
  .refine(([low, high]) => low < high, { error: 'must be two numbers, the lower one first' });
const positiveEnds = ends.refine(([low]) => low > 0, {
  error: 'must be two numbers above 0, the lower one first',
});

const one = z.union(
  [
    z.array(z.union([z.string(), z.number(), z.boolean()])).min(1),
    z.strictObject({ uniform: ends }),
    z.strictObject({ log: positiveEnds }),
    z.strictObject({ whole: ends }),
  ],
  {
    error:
      'must be a list of values, or { uniform: [0, 1] }, { log: [1e-4, 0.1] } or { whole: [1, 9] }, the lower end first',
  },
);

export const searchSchema = z.strictObject({
  samples: z.number().int().min(1, { error: 'must be a whole number of at least 1' }),
  seed: z.number().int().min(0).default(0),
  space: z.record(z.string(), one, { error: 'must hold the settings that are drawn' }),
});

export type Search = z.infer<typeof searchSchema>;

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

/** After which epochs settings are stopped, and which part of them goes on. */
export const halvingSchema = z.strictObject({
  after: z
    .array(z.number().int().min(1))
    .min(1)
    .refine((epochs) => epochs.every((n, i) => i === 0 || n > epochs[i - 1]), {
      error: 'must be epochs in rising order, such as [2, 6]',
    }),
  keep: z
    .number()
    .gt(0)
    .lt(1, { error: 'must be a number above 0 and below 1, such as 0.33' })
    .default(1 / 3),
});

export type Halving = z.infer<typeof halvingSchema>;
