/** Patterns of names in which * stands for any text, as in layer1.*; all other characters stand for themselves. */
export function globOf(text: string): RegExp {
  const parts = text.split(/\*+/).map((part) => part.replace(/[^\w/]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's');
}
