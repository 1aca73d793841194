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

function ofAccuracy({ accuracy, channels, epochs }: Summary): string | undefined {
  const { before, after } = accuracy!;
  if (before === undefined || keepsAccuracy({ before, after })) return undefined;
  const target = channels ? 'a larger --macs' : 'a lower --sparsity';
  const advice =
    epochs === 0
      ? 'Train it while it is pruned (--epochs 5, or more --time for slim)'
      : 'Try more --epochs (more --time for slim), leave --lr and --teacher at their defaults';
  return `Accuracy fell from ${percent(before, 1)} to ${percent(after, 1)}: the model is not usable yet. ${advice}, or set ${target}.`;
}

function ofObjective(summary: Summary): string | undefined {
  if (isUsable(summary)) return undefined;
  const target = summary.channels ? 'a larger --macs' : 'a lower --sparsity';
  return `The answers differ from those of the teacher by ${percent(summary.metrics!.error.after, 1)}, where 100 % is as bad as always answering the mean: the model is not usable yet. Try more --epochs, more samples, or set ${target}.`;
}

function ofAnswers({ answers, channels }: Summary): string | undefined {
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
  const target = channels ? 'a larger --macs' : 'a lower --sparsity';
  return `${said}: the model needs training before use. Give --data to train it while it is pruned, or set ${target}.`;
}
