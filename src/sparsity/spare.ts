/** Weights that a person names to be spared: by their names, or by patterns in which * stands for any text. */
import { fail, globOf, nearest } from '../base/index.js';

/** The names that are to be spared. @throws UserError on a name or a pattern that none of them fits. */
export function namedToSpare(spare: readonly string[], names: readonly string[]): Set<string> {
  return new Set(
    spare.flatMap((wanted) => {
      const pattern = globOf(wanted);
      const named = names.filter((name) => name === wanted || pattern.test(name));
      if (named.length === 0) fail(unknown(wanted, names));
      return named;
    }),
  );
}

function unknown(wanted: string, names: readonly string[]): string {
  const guess = nearest(wanted, [...names]);
  const meant = guess ? ` (did you mean ${guess}?)` : '';
  return `There is no prunable layer ${wanted} to spare${meant}; there are ${names.join(', ')}; * stands for any text.`;
}
