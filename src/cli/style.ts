/**
 * Colours, where a terminal has them. Text says what it means (a title, a warning); whether that is seen is decided where it
 * leaves, because the same text may go to a terminal, a file or a pipe. Marks carry a number drawn at random, so that nothing
 * that text quotes from a model's file can be taken for one.
 */
import { randomBytes } from 'node:crypto';
import * as util from 'node:util';

const looks = {
  title: 'bold',
  rule: 'dim',
  faint: 'dim',
  name: 'cyan',
  good: 'green',
  warning: 'yellow',
  error: 'red',
} as const;

export type Look = keyof typeof looks;

const secret = randomBytes(8).toString('hex');
const MARKED = new RegExp(`<${secret}:(\\w+)>([^]*?)</${secret}>`, 'g');

/** Text with a look. Looks do not nest, and {@link shown} ends them. */
export const styled = (look: Look, text: string): string => `<${secret}:${look}>${text}</${secret}>`;

/** The text with its looks, or without any. */
export const shown = (text: string, coloured: boolean): string =>
  text.replace(MARKED, (_, look: Look, inner: string) => (coloured ? painted(looks[look], inner) : inner));

/** What a terminal shows of a text: its looks take no room. */
export const plain = (text: string): string => shown(text, false);

/** Whether colours are wanted there: NO_COLOR and FORCE_COLOR decide, else whether it is a terminal that has them. */
export function isColoured(stream: NodeJS.WritableStream): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (FORCE_COLOR !== undefined) return !['0', 'false'].includes(FORCE_COLOR);
  if (NO_COLOR) return false;
  return 'isTTY' in stream && stream.isTTY === true && TERM !== 'dumb';
}

type Paint = (look: string, text: string, options: { validateStream: boolean }) => string;

/** Node before 20.12 has no way to paint: there text stays as it is. */
export const painted = (look: (typeof looks)[Look], text: string): string => {
  const paint = (util as { styleText?: unknown }).styleText as Paint | undefined;
  return paint ? paint(look, text, { validateStream: false }) : text;
};
