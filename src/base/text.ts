/**
 * Text from files, made fit for people and terminals. The names in a model are whatever its maker wrote: they may hold the
 * sequences by which a terminal is told to erase lines, or marks that turn the order of letters round, and be as long as a book.
 */

/** Control characters, marks of writing direction, line separators, and halves of characters. */
const UNFIT = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Shown in place of a character that could not be. */
const REPLACEMENT = '\ufffd';

/** The text in one line, with a sign in place of every character that would not be seen but do something. */
export const visible = (text: string): string => text.replace(UNFIT, REPLACEMENT);

/** The same with its line breaks. */
export const visibleLines = (text: string): string =>
  text.replace(UNFIT, (character) => (character === '\n' ? character : REPLACEMENT));

/** What JSON.stringify gives, with those characters as escapes, which mean the same there. */
export const visibleJson = (json: string): string =>
  json.replace(UNFIT, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Bytes as characters, one for each (ISO 8859-1). */
export const latin1 = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');

/** The beginning and the end of a text that is longer than `most` characters. */
export function brief(text: string, most = 100): string {
  if (text.length <= most) return text;
  const end = Math.floor((most - 1) / 3);
  // By code points, of at most two units each, so that none is cut in two.
  const first = Array.from(text.slice(0, 2 * most)).slice(0, most - 1 - end);
  const last = Array.from(text.slice(-2 * end)).slice(-end);
  return `${first.join('')}…${last.join('')}`;
}

/** The text with words, which is what names and paths are, of at most so many characters. */
export const withBriefWords = (text: string, most: number): string =>
  text.replace(/\S+/g, (word) => brief(word, most));

const LONGEST_WORD = 200;
const LONGEST_SENTENCE = 1500;

/** A sentence that quotes from files: in one line, its words short, and itself not much longer than a sentence can be. */
export const sentence = (text: string): string =>
  brief(withBriefWords(visible(text), LONGEST_WORD), LONGEST_SENTENCE);
