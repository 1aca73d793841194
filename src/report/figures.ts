/** The figures of a run that people compare. */
import type { Change, Summary } from '../runs/index.js';
import { bytes, count, large, percent } from './words.js';

/** The rows of a summary that people compare. */
export function rows(summary: Summary): { what: string; before: string; after: string; target: string }[] {
  const row = (what: string, { before, after, target }: Change, say: (n: number) => string) => ({
    what,
    before: before === undefined ? '–' : say(before),
    after: say(after),
    target: target === undefined ? '' : say(target),
  });
  const emptied = summary.prunable.emptied.length;
  return [
    row('accuracy (test)', summary.accuracy, percent),
    row('loss (test)', summary.loss, (x) => x.toFixed(4)),
    row('sparsity', summary.sparsity, percent),
    row('sparsity, biases counted', summary.sparsityWithBiases, percent),
    row('sparsity, dead units left out', summary.effectiveSparsity, percent),
    row(`dead units of ${count(summary.deadUnits.of)}`, summary.deadUnits, count),
    ...(emptied ? [row('layers emptied', { after: emptied }, count)] : []),
    row('parameters', summary.params, count),
    row('parameters, not zero', summary.nonzero, count),
    row('MACs', summary.macs, large),
    row('MACs, not by zero', summary.effectiveMacs, large),
    row('MACs, dead units left out', summary.liveMacs, large),
    row('bytes', summary.bytes.raw, bytes),
    row('bytes, gzip', summary.bytes.gzip, bytes),
  ];
}
