/** Settings that make no sense. */
import { UserError } from '../base/errors.js';

/** The command was called wrongly. */
export class UsageError extends UserError {}

export const misuse = (sentence: string): never => {
  throw new UsageError(sentence);
};
