/** What follows a run from outside: a file of another format, or a server. */
import type { Recipe } from '../recipe.js';
import type { MetricsLine, Summary } from '../summary.js';

/** How a process has left a run. */
export type Ending = 'finished' | 'stopped' | 'failed';

/** What there is of a run. */
export interface Course {
  /** All lines of metrics.jsonl so far. */
  lines: readonly MetricsLine[];
  /** Where this process has left the run. */
  ending?: Ending;
  /** Of a run that is finished. */
  summary?: Summary;
}

/** Brings what is outside in step with a run, from wherever it was. Called again and again; throws where it could not. */
export type Tracker = (course: Course) => Promise<void>;

/** What a tracker is opened with. */
export interface Tracked {
  /** Absolute folder of the run. */
  path: string;
  recipe: Recipe;
}

/** Something cannot be had by trying again. */
export class Refused extends Error {}
