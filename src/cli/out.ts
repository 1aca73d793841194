/** The one place where text leaves for a terminal. */
import { visibleLines } from '../base/told.js';
import { isColoured, shown } from './style.js';

/** Writes lines of text. Whatever they quote, a terminal is told to do nothing by them but show it. */
export const write = (stream: NodeJS.WritableStream, text: string): void => {
  stream.write(`${shown(visibleLines(text), isColoured(stream))}\n`);
};
