/** How a command speaks: results on standard output, everything else on standard error. */
import { UserError, visibleJson } from '../base/told.js';
import { write } from './out.js';

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
      if (!quiet) write(process.stderr, sentence);
    },
    result: (value, text) => {
      write(process.stdout, json ? visibleJson(JSON.stringify(value)) : text);
    },
  };
}
