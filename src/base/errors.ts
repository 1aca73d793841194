import { sentence } from './text.js';

/**
 * The one kind of error a person is meant to read.
 *
 * Its message is a single sentence that names what is wrong, where, and what to do. The command line prints it as it
 * is and exits with status 1; every other error is a defect of ours and keeps its stack trace. What names from a file
 * bring along, control characters and great length, is taken out.
 */
export class UserError extends Error {
  /** Always `UserError`. */
  override name = 'UserError';

  constructor(text: string) {
    super(sentence(text));
  }
}

/** Throws a {@link UserError}, or a kind of it; usable where an expression is wanted: `const x = find(name) ?? fail('…')`. */
export function fail(text: string, Kind: typeof UserError = UserError): never {
  throw new Kind(text);
}

/** What is wrong, as a clause: sentences say that first, and behind a semicolon what to do. */
export function causeOf({ message }: UserError): string {
  const end = message.lastIndexOf('; ');
  return end < 0 ? message.replace(/\.$/, '') : message.slice(0, end);
}
