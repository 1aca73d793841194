/**
 * Forms of a network side by side in onnxruntime, two threads.
 *
 * They take turns, every round beginning with another one. A turn is some runs that are not timed, for caches and threads to
 * settle, and then so many that are; its figure is the fastest of them, since both threads must be let run and whatever else
 * the machine does can only add.
 */
import { InferenceSession } from 'onnxruntime-node';

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};

/**
 * Milliseconds of every form's turns, one for each round.
 * @param forms `{ bytes, feeds }`: a model's file, and onnxruntime's tensors by input.
 * @param duration milliseconds of a turn that are timed; a third of that before them are not.
 */
export async function turnsOf(forms, { rounds, duration = 120 }) {
  const sessions = [];
  for (const { bytes } of forms)
    sessions.push(await InferenceSession.create(bytes, { intraOpNumThreads: 2, logSeverityLevel: 4 }));
  const turns = forms.map(() => []);
  for (let round = -1; round < rounds; round++)
    for (let i = 0; i < forms.length; i++) {
      const at = (i + round + 1) % forms.length;
      const run = () => sessions[at].run(forms[at].feeds);
      await timed(run, duration / 3, 1);
      const time = Math.min(...(await timed(run, duration, 3)));
      if (round >= 0) turns[at].push(time);
    }
  for (const session of sessions) await session.release();
  return turns;
}

/** How many times faster: the median over rounds. */
export const speedUp = (whole, smaller) => median(smaller.map((time, round) => whole[round] / time));

async function timed(run, duration, least) {
  const times = [];
  const end = performance.now() + duration;
  while (times.length < least || performance.now() < end) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return times;
}
