/** Weights that a person names to be spared: by their names, or by patterns in which * stands for any text. */
import { fail, namesMeant } from '../base/index.js';

/** The names that are to be spared. @throws UserError on a name or a pattern that none of them fits. */
export const namedToSpare = (spare: readonly string[], names: readonly string[]): Set<string> =>
  new Set(
    namesMeant(spare, names, (wanted, guess) =>
      fail(
        `There is no prunable layer ${wanted} to spare${guess ? ` (did you mean ${guess}?)` : ''}; there are ${names.join(', ')}; * stands for any text.`,
      ),
    ),
  );
