/** Progress of long work: a bar on a terminal, plain lines elsewhere. */
import { type Options, SingleBar } from 'cli-progress';
import { brief, duration, percent, visible } from '../base/index.js';
import { figureText } from '../report/index.js';
import type { RunOptions } from '../runs/index.js';
import type { TrainProgress } from '../train/index.js';
import type { Face } from './face.js';
import { write } from './out.js';
import { isColoured, painted } from './style.js';

const QUIET_SECONDS = 10;

const BAR: Options = {
  stream: process.stderr,
  hideCursor: true,
  clearOnComplete: true,
  barCompleteChar: '█',
  barIncompleteChar: '░',
  fps: 8,
};
/** Characters of a bar, and of one on a terminal of less than {@link NARROW}. */
const [WIDE, SHORT, NARROW] = [24, 10, 72];

export interface Progress {
  /** Without `left`, the seconds that are left follow from how fast it has gone so far. */
  update(done: number, total: number, text: string, left?: number): void;
  /** A line that stays. */
  line(text: string): void;
  stop(): void;
}

/** Progress as the face wants it. */
export function openProgress(face: Face): Progress {
  if (face.quiet) return { update: () => {}, line: () => {}, stop: () => {} };
  return process.stderr.isTTY ? barProgress() : lineProgress();
}

function barProgress(): Progress {
  let bar: SingleBar | undefined;
  const timeLeft = openClock();
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    update(done, total, text, left = timeLeft(done, total)) {
      const width = process.stderr.columns || 80;
      const barsize = width < NARROW ? SHORT : WIDE;
      const shown = { text: fitting(`${timed(left)}${visible(text)}`, width - barsize - 2) };
      if (!bar) {
        const format = `${isColoured(process.stderr) ? painted('cyan', '{bar}') : '{bar}'} {text}`;
        bar = new SingleBar({ ...BAR, format, barsize });
        bar.start(total, done, shown);
      }
      bar.setTotal(total);
      bar.update(done, shown);
    },
    line(text) {
      stop();
      write(process.stderr, text);
    },
    stop,
  };
}

/** A line when there is something to say, and one every ten seconds in between. */
function lineProgress(): Progress {
  let last = performance.now();
  const timeLeft = openClock();
  const line = (text: string) => {
    last = performance.now();
    write(process.stderr, text);
  };
  return {
    update(done, total, text, left = timeLeft(done, total)) {
      if (performance.now() - last > 1000 * QUIET_SECONDS) line(`${timed(left)}${text}`);
    },
    line,
    stop: () => {},
  };
}

const timed = (left: number | undefined): string => (left === undefined ? '' : `${duration(left)} left · `);

/** Tells the seconds that are left by how long what was done has taken, once that can be told. */
function openClock(): (done: number, total: number) => number | undefined {
  let first: { done: number; at: number } | undefined;
  return (done, total) => {
    const now = performance.now() / 1000;
    if (!first || done < first.done) first = { done, at: now };
    const [gone, spent] = [done - first.done, now - first.at];
    return gone > 0 && spent > 1 ? (spent / gone) * (total - done) : undefined;
  };
}

/** As many of the parts of a text, which dots separate, as find room; of the first as much as does. */
export function fitting(text: string, room: number): string {
  const [first, ...parts] = text.split(' · ');
  let taken = brief(first, Math.max(4, room));
  for (const part of parts) {
    if (taken.length + part.length + 3 > room) break;
    taken += ` · ${part}`;
  }
  return taken;
}

/** What a run tells, as progress. */
export function watchRun(face: Face): RunOptions & { stop(): void } {
  const progress = openProgress(face);
  return {
    signal: face.signal,
    stop: progress.stop,
    onNote: progress.line,
    onStart({ engine, done, microBatch, peakBytes }) {
      if (done > 0) progress.line(`Continuing after step ${done}.`);
      progress.line(
        `Training on ${engine}; activations take ${Math.ceil(peakBytes / 1e6)} MB at their peak, ${microBatch} samples at a time.`,
      );
    },
    onStep(step) {
      const { epoch, epochs, steps } = step;
      progress.update((epoch - 1) * steps + step.step, epochs * steps, stepText(step), step.eta);
    },
    onEpoch({ epoch, loss, accuracy, validation, test, sparsity, seconds }) {
      const measured = test ?? validation;
      progress.line(
        [
          `epoch ${epoch}`,
          `loss ${loss.toFixed(4)}`,
          accuracy === undefined ? '' : `accuracy ${percent(accuracy)}`,
          measured ? `${test ? 'test' : 'validation'} ${figureText(measured)}` : '',
          sparsity === undefined ? '' : `sparsity ${percent(sparsity)}`,
          duration(seconds),
        ]
          .filter(Boolean)
          .join('   '),
      );
    },
  };
}

function stepText({ epoch, epochs, loss, accuracy, sparsity }: TrainProgress): string {
  const pruned = sparsity === undefined ? '' : ` · sparsity ${percent(sparsity, 1)}`;
  const right = accuracy === undefined ? '' : ` · accuracy ${percent(accuracy, 1)}`;
  return `epoch ${epoch}/${epochs} · loss ${loss.toFixed(3)}${right}${pruned}`;
}
