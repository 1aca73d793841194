/** What a run did to the model's answers, in words that need no table. */

import { percent } from '../base/index.js';
import { isUsable, keepsAccuracy, keepsAnswer, type Summary } from '../runs/index.js';

/** How accurate, or how far from the given model's answers, the pruned model is; with a warning where it is not usable yet. */
export function verdictOf(summary: Summary): string | undefined {
  if (summary.command !== 'prune') return undefined;
  if (summary.objective) return ofObjective(summary);
  return summary.accuracy ? ofAccuracy(summary) : ofAnswers(summary);
}

/** Whether the sentence is a warning. */
export function isSpoilt(summary: Summary): boolean {
  return summary.command === 'prune' && !isUsable(summary);
}

function ofAccuracy(summary: Summary): string | undefined {
  const { epochs } = summary;
  const { before, after } = summary.accuracy!;
  if (before === undefined || keepsAccuracy({ before, after })) return undefined;
  const advice =
    epochs === 0
      ? 'Train it while it is pruned (--epochs 5, or more --time for slim)'
      : 'Try more --epochs (more --time for slim), leave --lr and --teacher at their defaults';
  return `Accuracy fell from ${percent(before, 1)} to ${percent(after, 1)}: the model is not usable yet. ${advice}, or set ${milder(summary)}.`;
}

function ofObjective(summary: Summary): string | undefined {
  if (isUsable(summary)) return undefined;
  return `The answers differ from those of the teacher by ${percent(summary.metrics!.error.after, 1)}, where 100 % is as bad as always answering the mean: the model is not usable yet. Try more --epochs, more samples, or set ${milder(summary)}.`;
}

function ofAnswers(summary: Summary): string | undefined {
  const { answers } = summary;
  if (!answers?.length) return undefined;
  const far = answers.filter((answer) => !keepsAnswer(answer));
  const worst = (far.length ? far : answers).toSorted((a, b) => (a.cosine ?? 1) - (b.cosine ?? 1))[0];
  const { output, cosine, error, agreement } = worst;
  const facts = [
    ...(cosine === undefined
      ? []
      : [
          `differs by ${error === undefined ? 'an amount that is not a finite number' : percent(error, 1)} from that of the original model (cosine ${cosine.toFixed(2)})`,
        ]),
    ...(agreement === undefined
      ? []
      : [`gives the same decision as the original model for ${percent(agreement, 0)} of them`]),
  ].join(' and ');
  const said = `On random inputs, output ${output} ${facts}`;
  if (!far.length) return `${said}.`;
  return `${said}: the model needs training before use. Give --data to train it while it is pruned, or set ${milder(summary)}.`;
}

/** What would prune less, by the target that the run had. */
function milder({ channels, sparsity, macs, params, bytes, latency }: Summary): string {
  if (!channels) return sparsity?.target === undefined ? 'a pattern that keeps more' : 'a lower --sparsity';
  const targets = { macs, params, bytes: bytes?.raw, latency };
  const asked = Object.entries(targets).find(([, change]) => change?.target !== undefined);
  if (asked) return `a larger --${asked[0]}`;
  return channels.arms ? 'a smaller --drop-arms' : 'a milder target';
}
