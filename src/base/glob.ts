import { nearest } from './nearest.js';

/** Patterns of names in which * stands for any text, as in layer1.*; all other characters stand for themselves. */
export function globOf(text: string): RegExp {
  const parts = text.split(/\*+/).map((part) => part.replace(/[^\w/]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's');
}

/**
 * The names that are meant by names and by patterns, each once.
 * @param refuse says that a name or a pattern fits none of them; it gets the nearest of them where there is one.
 */
export function namesMeant(
  wanted: readonly string[],
  names: readonly string[],
  refuse: (wanted: string, guess: string | undefined) => never,
): string[] {
  const all = wanted.flatMap((one) => {
    const pattern = globOf(one);
    const fitting = names.filter((name) => name === one || pattern.test(name));
    return fitting.length > 0 ? fitting : refuse(one, nearest(one, [...names]));
  });
  return [...new Set(all)];
}
