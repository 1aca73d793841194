/** Progress of long work: a bar on a terminal, plain lines elsewhere. */
import { type Options, SingleBar } from 'cli-progress';
import { visible } from '../base/text.js';
import { duration, percent } from '../report/index.js';
import type { RunOptions } from '../runs/index.js';
import type { TrainProgress } from '../train/index.js';
import type { Face } from './face.js';
import { write } from './out.js';

const QUIET_SECONDS = 10;

const BAR: Options = {
  format: '{bar} {text}',
  stream: process.stderr,
  hideCursor: true,
  clearOnComplete: true,
  barsize: 24,
  barCompleteChar: '█',
  barIncompleteChar: '░',
  fps: 8,
};

export interface Progress {
  update(done: number, total: number, text: string): void;
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
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    update(done, total, text) {
      if (!bar) {
        bar = new SingleBar(BAR);
        bar.start(total, done, { text: visible(text) });
      }
      bar.setTotal(total);
      bar.update(done, { text: visible(text) });
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
  const line = (text: string) => {
    last = performance.now();
    write(process.stderr, text);
  };
  return {
    update(_done, _total, text) {
      if (performance.now() - last > 1000 * QUIET_SECONDS) line(text);
    },
    line,
    stop: () => {},
  };
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
      progress.update((epoch - 1) * steps + step.step, epochs * steps, stepText(step));
    },
    onEpoch({ epoch, loss, accuracy, validation, test, sparsity, seconds }) {
      const measured = test ?? validation;
      progress.line(
        [
          `epoch ${epoch}`,
          `loss ${loss.toFixed(4)}`,
          `accuracy ${percent(accuracy)}`,
          measured ? `${test ? 'test' : 'validation'} ${percent(measured.accuracy)}` : '',
          sparsity === undefined ? '' : `sparsity ${percent(sparsity)}`,
          duration(seconds),
        ]
          .filter(Boolean)
          .join('   '),
      );
    },
  };
}

function stepText({ epoch, epochs, loss, accuracy, sparsity, eta }: TrainProgress): string {
  const pruned = sparsity === undefined ? '' : ` · sparsity ${percent(sparsity, 1)}`;
  return `epoch ${epoch}/${epochs} · loss ${loss.toFixed(3)} · accuracy ${percent(accuracy, 1)}${pruned} · ${duration(eta)} left`;
}
