/** A run told to the tools that people watch runs with: `--log tensorboard,csv,mlflow:URL`. */
import { relative } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { MetricsLine, Summary } from '../summary.js';
import { openCsv } from './csv.js';
import { openMlflow } from './mlflow.js';
import { openTensorBoard } from './tensorboard.js';
import { type Course, type Ending, Refused, type Tracked, type Tracker } from './tracker.js';

const kinds: Record<string, { title: string; open: (tracked: Tracked, place: string) => Tracker }> = {
  csv: { title: 'metrics.csv', open: (tracked) => openCsv(tracked) },
  tensorboard: { title: 'the event file of TensorBoard', open: (tracked) => openTensorBoard(tracked) },
  mlflow: { title: 'MLflow', open: (tracked, url) => openMlflow(url, tracked) },
};

/** A run told to whoever follows it. Nothing here throws: a run goes on without its followers. */
export interface Tracking {
  /** The run goes on from these lines. Before that nothing is told. */
  begin(lines: readonly MetricsLine[]): void;
  add(line: MetricsLine): void;
  /** Has everything told that has not been, for some seconds where a server does not answer. */
  end(ending: Ending, summary?: Summary): Promise<void>;
}

/** How long a server that does not answer is left alone. */
const PAUSE_MS = 5000;
/** How long the end of a run may wait for servers. */
const PATIENCE_MS = 12_000;

export interface TrackingOptions extends Tracked {
  onNote?: (sentence: string) => void;
  /** Of a run that is finished already. */
  summary?: Summary;
}

/** Opens what the recipe's `log` names. */
export function openTracking({ onNote, summary, ...tracked }: TrackingOptions): Tracking {
  const course: Course & { lines: MetricsLine[] } = {
    lines: [],
    ...(summary && { ending: 'finished', summary }),
  };
  const followers = (tracked.recipe.log ?? []).map((item) => {
    const kind = item.replace(/:.*/s, '');
    const { title, open } = kinds[kind];
    const place = item.slice(kind.length + 1);
    const resume = `espalier resume ${relative(process.cwd(), tracked.path) || '.'}`;
    return openFollower({ title: place ? `${title} at ${place}` : title, resume, onNote, course }, () =>
      open(tracked, place),
    );
  });
  let hasBegun = false;
  const wake = () => {
    for (const follower of followers) follower.wake();
  };
  return {
    begin(lines) {
      course.lines = [...lines];
      hasBegun = true;
      wake();
    },
    add(line) {
      course.lines.push(line);
      wake();
    },
    async end(ending, summary) {
      if (!hasBegun) return;
      Object.assign(course, { ending, summary });
      await Promise.all(followers.map((follower) => follower.end()));
    },
  };
}

interface FollowerOptions {
  title: string;
  /** The command that catches up. */
  resume: string;
  course: Course;
  onNote?: (sentence: string) => void;
}

/** Has one tracker follow, one call at a time; says once that it cannot. */
function openFollower({ title, resume, course, onNote }: FollowerOptions, open: () => Tracker) {
  const follow = open();
  let [isBehind, isWarned, isRefused, pausedUntil] = [false, false, false, 0];
  let work: Promise<void> | undefined;

  async function catchUp(): Promise<void> {
    while (isBehind && !isRefused && Date.now() >= pausedUntil) {
      isBehind = false;
      await follow(course).catch((error: Error) => {
        isBehind = true;
        isRefused = error instanceof Refused;
        pausedUntil = Date.now() + PAUSE_MS;
        if (!isRefused && course.ending === undefined) setTimeout(wake, PAUSE_MS + 1).unref();
        warn(error);
      });
    }
  }

  function warn(error: Error): void {
    if (isWarned) return;
    isWarned = true;
    const what = isRefused
      ? 'The run goes on without it'
      : 'The run goes on, and what it lacks follows when it is back';
    onNote?.(`${title} does not take the figures of this run: ${reasonOf(error)}. ${what}.`);
  }

  function wake(): void {
    isBehind = true;
    work ??= catchUp().finally(() => {
      work = undefined;
    });
  }

  return {
    wake,
    async end(): Promise<void> {
      await work;
      pausedUntil = 0;
      wake();
      const isAnswered = await Promise.race([
        work?.then(() => true),
        wait(PATIENCE_MS, false, { ref: false }),
      ]);
      if ((isBehind || !isAnswered) && !isRefused)
        onNote?.(`${title} lacks figures of this run; ${resume} sends them when it is back.`);
    },
  };
}

/** What fetch complains of stands in its cause. */
function reasonOf(error: Error): string {
  const cause = error.cause as (Error & { code?: string }) | undefined;
  const text = cause?.message || cause?.code || error.message;
  return text.split('\n')[0].replace(/[.!]$/, '');
}
