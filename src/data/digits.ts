/**
 * The data set that ships with the package: 1,797 hand-written digits of 8 × 8 pixels, 0 to 16 (assets/digits/NOTICE says
 * whose). 360 of them, always the same, are the test split; 1,437 are for training.
 */
import { fail, permutation, random } from '../base/index.js';
import { checkLabels } from './cifar.js';
import { type Dataset, memorySplit, subset } from './dataset.js';
import { readShipped } from './shipped.js';
import { gunzip } from './source.js';

const FILE = 'digits/digits.csv.gz';
const COUNT = 1797;
const TEST = 360;

/** Opens the digits; each line of the file is 64 pixels, row by row, and the label. */
export async function openDigits(): Promise<Dataset> {
  const text = new TextDecoder().decode(await gunzip(await readShipped(FILE), FILE));
  const rows = text
    .trim()
    .split(/\r?\n/)
    .map((line) => line.split(',').map(Number));
  if (rows.length !== COUNT || rows.some((row) => row.length !== 65)) {
    fail(`${FILE} is not the digits data that the package ships; install the package again.`);
  }
  const pixels = Uint8Array.from(rows.flatMap((row) => row.slice(0, 64)));
  const labels = Int32Array.from(rows, (row) => row[64]);
  checkLabels(labels, 10, FILE);
  const all = memorySplit(pixels, labels, [1, 8, 8]);
  const order = permutation(random(0, 'digits test'), COUNT);
  return {
    name: 'digits',
    classes: [...'0123456789'],
    shape: [1, 8, 8],
    train: subset(all, order.subarray(TEST).sort()),
    test: subset(all, order.subarray(0, TEST).sort()),
    mean: [0.3055],
    std: [0.3761],
    scale: 16,
    white: 16,
    augment: { train: {}, test: {} },
  };
}
