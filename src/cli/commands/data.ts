/** data: data sets brought into the cache, and the check-up of any data. */

import type { Command } from 'commander';
import { bytes, count, fail } from '../../base/index.js';
import { cacheDirectory, importDataset, isNamed } from '../../data/index.js';
import { type Review, reviewData } from '../../runs/index.js';
import { define } from '../define.js';
import { openProgress } from '../progress.js';
import { left, right, table } from '../table.js';

export function addData(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'data',
    argument: '[DATA]',
    about:
      'any DATA to look at; with --from, one of cifar10, cifar100, mnist and fashion-mnist to bring into the cache',
    examples: [
      'data images:./photos',
      'data npz:mine.npz --json',
      'data cifar10 --from ~/Downloads/cifar-10-binary.tar.gz',
    ],
    async run({ given: { from, skipBroken, ...given }, argument: [name] }, face) {
      if (!name)
        return fail(
          'The data are missing: name them, as in espalier data images:DIR or espalier data cifar10 --from DIR.',
        );
      if (from !== undefined) {
        const imported = await importDataset(name, from);
        return face.result(
          imported,
          `${name}: ${count(imported.train)} training and ${count(imported.test)} test images, ${bytes(imported.bytes)}, in ${imported.directory}`,
        );
      }
      const progress = openProgress(face);
      const review = await reviewData({
        ...{ ...given, data: name },
        onProgress: (done, all) =>
          progress.update(done, all, `${count(done)} of ${count(all)} pictures looked at`),
      }).finally(progress.stop);
      face.result(isNamed(name) ? { ...review, cache: cacheDirectory(name) } : review, describe(review));
      const broken = review.broken?.length ?? 0;
      if (broken > 0 && !skipBroken)
        fail(
          `${count(broken)} ${broken === 1 ? 'picture' : 'pictures'} cannot be decoded; replace or remove what is broken, or leave it out of a run with --skip-broken.`,
        );
    },
  });
}

function describe(review: Review): string {
  const { pictures, notes, range } = review;
  return [
    lead(review),
    classTable(review),
    sizes(review),
    range ? `Numbers from ${range[0]} to ${range[1]}.` : '',
    broken(review),
    pictures ? `What a run does unless the model or a flag says otherwise:\n${pictures.told}` : '',
    ...notes,
  ]
    .filter(Boolean)
    .join('\n\n');
}

function lead({ name, classes, shape, train, test, inputs }: Review): string {
  const what = inputs ? 'samples' : 'images';
  const shapes =
    inputs && inputs.length > 1
      ? inputs.map((input) => `${input.name} ${input.shape.join('×')}`).join(', ')
      : shape.join('×');
  return `${name}: ${count(train)} training and ${count(test)} test ${what} of ${shapes} ${classes.length > 0 ? `in ${classes.length} classes` : 'without labels'}`;
}

/** Rows that a table shows. */
const MOST_ROWS = 30;

function classTable({ classes, counts }: Review): string {
  if (classes.length === 0) return '';
  const rows = classes.map((name, c) => [name, count(counts.train[c]), count(counts.test[c])]);
  const more =
    rows.length > MOST_ROWS ? `\n… and ${rows.length - MOST_ROWS} more classes (--json has them all)` : '';
  return `${table([left('class'), right('training'), right('test')], rows.slice(0, MOST_ROWS))}${more}`;
}

/** Sizes that are listed. */
const MOST_SIZES = 8;

function sizes({ sizes: all = [] }: Review): string {
  const rows = all
    .slice(0, MOST_SIZES)
    .map(({ height, width, count: number }) => [`${height} × ${width}`, count(number)]);
  const more = all.length > MOST_SIZES ? `\n… and ${count(all.length - MOST_SIZES)} other sizes` : '';
  return rows.length > 0 ? `${table([left('height × width'), right('pictures')], rows)}${more}` : '';
}

function broken({ broken: all = [] }: Review): string {
  const rows = all.map(({ file, why }) => [file, why]);
  return rows.length > 0 ? table([left('cannot be decoded'), left('because')], rows) : '';
}
