/** Numbers as people read them. */

/** With a capital letter, at the beginning of a sentence. */
export const capital = (text: string): string => text[0].toUpperCase() + text.slice(1);

/** 0.9531 → '95.31 %' */
export const percent = (fraction: number, digits = 2): string => `${(100 * fraction).toFixed(digits)} %`;

/** 269722 → '269,722' */
export const count = (n: number): string => n.toLocaleString('en-GB');

/** 40551424 → '40.55 M' */
export const large = (n: number): string => scaled(n, ['', ' k', ' M', ' G', ' T']);

/** 1081234 → '1.08 MB' */
export const bytes = (n: number): string => scaled(n, [' B', ' kB', ' MB', ' GB', ' TB']);

function scaled(n: number, units: readonly string[]): string {
  const step = n < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(n) / 3 + 1e-9));
  return `${step === 0 ? Math.round(n) : (n / 1000 ** step).toPrecision(n >= 1000 ** step * 100 ? 4 : 3)}${units[step]}`;
}

/** 3725 → '1 h 2 min' */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return hours ? `${hours} h ${minutes} min` : `${minutes} min ${whole % 60} s`;
}
