/** How a command speaks: results on standard output, everything else on standard error. */
import { UserError } from '../base/errors.js';

export interface Face {
  readonly json: boolean;
  readonly quiet: boolean;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Tells whoever watches. */
  note(sentence: string): void;
  /** The command's result: an object for machines, text for people. */
  result(value: object, text: string): void;
}

/** The run was stopped by a signal; the sentence says how to go on. */
export class Stopped extends UserError {}

export function openFace(options: { json?: boolean; quiet?: boolean }, signal: AbortSignal): Face {
  const { json = false, quiet = false } = options;
  return {
    json,
    quiet,
    signal,
    note: (sentence) => {
      if (!quiet) process.stderr.write(`${sentence}\n`);
    },
    result: (value, text) => {
      process.stdout.write(json ? `${JSON.stringify(value)}\n` : `${text}\n`);
    },
  };
}
