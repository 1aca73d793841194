/** For tests: every method that prunes single weights, as the command line that runs it on the digits. */
import { learntMethods, methods } from '../sparsity/index.js';

const cases: Record<string, string> = {
  ...Object.fromEntries(
    [...methods, ...learntMethods].map(({ name }) => [name, `--method ${name} --sparsity 0.8`]),
  ),
  'fggp from a sparse start, with averages':
    '--method fggp --sparsity 0.8 --start-density 0.5 --average-weight 0.5 --average-gradient 0.5',
  'probmask, a supermask': '--method probmask --start frozen --sparsity 0.5',
  'probmask, drawn': '--method probmask --sparsity 0.8 --final-mask draw --draws 3 --validation 0.1',
  'str without a target': '--method str',
};

/** By what is shown. `id` can be the name of a folder. */
export const methodCases = (epochs: number) =>
  Object.entries(cases).map(([name, flags]) => ({
    name,
    id: name.replace(/\W+/g, '-'),
    line: `prune conv2 --width 0.125 --data digits --batch 128 --epochs ${epochs} --lr 0.05 --threads 1 ${flags}`,
    exact: !flags.includes('draw'),
  }));
