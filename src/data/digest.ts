/**
 * What tells the samples of a split from others: digests (SHA-256) of all labels and of all samples. What is held in memory is
 * read whole, about 0.7 s for CIFAR-10; arrays that read files when they are asked have a digest of their own.
 */
import { createHash } from 'node:crypto';
import { asBytes, digestOfAll } from '../base/index.js';
import type { SampleArray, Split, Target } from './dataset.js';

export interface SplitDigest {
  length: number;
  labels: string;
  /** Absent where samples are made one by one by something that has no digest. */
  samples?: string;
}

const known = new WeakMap<Split, Promise<SplitDigest>>();

/** The digest of a split; that of the same object is made once. */
export function digestOf(split: Split): Promise<SplitDigest> {
  const made = known.get(split) ?? digest(split);
  known.set(split, made);
  return made;
}

async function digest({ length, labels, arrays, targets = [] }: Split): Promise<SplitDigest> {
  const samples = await Promise.all(arrays.map((array) => digestOfArray(array, length)));
  return {
    length,
    labels: digestOfAll([
      asBytes(labels),
      ...(await Promise.all(targets.map(async (target) => (await digestOfArray(target, length)) ?? ''))),
    ]),
    ...(samples.every((text) => text !== undefined) && { samples: digestOfAll(samples) }),
  };
}

async function digestOfArray(array: SampleArray | Target, length: number): Promise<string | undefined> {
  const about = JSON.stringify([array.name ?? '', array.shape]);
  if (array.digest) return digestOfAll([about, await array.digest()]);
  const hash = createHash('sha256').update(about);
  for (let index = 0; index < length; index++) {
    const sample = array.at(index);
    if (sample instanceof Promise) {
      sample.catch(() => {}); // one that cannot be read is named when its turn comes
      return undefined;
    }
    hash.update(asBytes(sample.data));
  }
  return hash.digest('hex');
}

/** The digests of the parts of a data set. */
export type DataDigest = Partial<Record<Part, SplitDigest>>;

const parts = { train: 'training', validation: 'validation', test: 'test' };
type Part = keyof typeof parts;

export async function digestOfParts(data: Partial<Record<Part, Split>>): Promise<DataDigest> {
  const digests: DataDigest = {};
  for (const part of Object.keys(parts) as Part[]) if (data[part]) digests[part] = await digestOf(data[part]);
  return digests;
}

/** In what data differ, as a clause; undefined where in nothing that is known of both. */
export function difference(before: DataDigest, now: DataDigest): string | undefined {
  for (const part of Object.keys(parts) as Part[]) {
    const [was, is] = [before[part], now[part]];
    const [had, has] = [was?.length ?? 0, is?.length ?? 0];
    if (had !== has) return `the number of ${parts[part]} samples was ${had} and is ${has}`;
    if (was?.labels !== is?.labels) return `the labels of the ${parts[part]} samples differ`;
    if (was?.samples && is?.samples && was.samples !== is.samples) return `the ${parts[part]} samples differ`;
  }
  return undefined;
}
