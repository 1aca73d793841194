/** Fractions to so many decimal places, rounded to the safe side. */

/** For "at most". */
export const downTo = (x: number, digits: number): number => Math.floor(x * 10 ** digits) / 10 ** digits;

/** For "at least". */
export const upTo = (x: number, digits: number): number => Math.ceil(x * 10 ** digits) / 10 ** digits;
