/** data: data sets brought into the cache. */

import type { Command } from 'commander';
import { fail } from '../../base/errors.js';
import { cacheDirectory, importDataset, isNamed, openDataset } from '../../data/index.js';
import { bytes, count } from '../../report/index.js';
import { define } from '../define.js';

export function addData(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'data',
    argument: '[NAME]',
    about: 'cifar10, cifar100, mnist or fashion-mnist; without --from, any DATA to look at',
    examples: ['data cifar10 --from ~/Downloads/cifar-10-binary.tar.gz', 'data digits'],
    async run({ given: { from }, argument: [name] }, face) {
      if (!name) return fail('The data set is missing: name one, as in espalier data cifar10 --from DIR.');
      if (from !== undefined) {
        const imported = await importDataset(name, from);
        return face.result(
          imported,
          `${name}: ${count(imported.train)} training and ${count(imported.test)} test images, ${bytes(imported.bytes)}, in ${imported.directory}`,
        );
      }
      const { classes, shape, train, test } = await openDataset(name);
      const found = { name, classes, shape, train: train.length, test: test?.length ?? 0 };
      face.result(
        isNamed(name) ? { ...found, cache: cacheDirectory(name) } : found,
        `${name}: ${count(found.train)} training and ${count(found.test)} test images of ${shape.join('×')} in ${classes.length} classes`,
      );
    },
  });
}
