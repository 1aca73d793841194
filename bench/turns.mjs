/**
 * Forms of a network side by side in onnxruntime, two threads.
 *
 * They take turns, every round beginning with another one. A turn is some runs that are not timed, for caches and threads to
 * settle, and then so many that are; its figure is the fastest of them, since both threads must be let run and whatever else
 * the machine does can only add. That favours short runs, which find a free moment where long ones do not: so a turn in which
 * other processes took more than a tenth of the processors is repeated, a few times, and those that were disturbed to
 * the end are counted.
 */
import { cpus } from 'node:os';
import { InferenceSession } from 'onnxruntime-node';

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};

const TRIES = 5;
/** Clocks of the system tick every 10 ms, so less than this cannot be told. */
const DISTURBED = 0.1;

/**
 * Milliseconds of every form's turns, one for each round, and which share of the turns was disturbed.
 * @param forms `{ bytes, feeds }`: a model's file, and onnxruntime's tensors by input.
 * @param duration milliseconds of a turn that are timed; a third of that before them are not.
 */
export async function turnsOf(forms, { rounds, duration = 120 }) {
  const sessions = [];
  for (const { bytes } of forms)
    sessions.push(await InferenceSession.create(bytes, { intraOpNumThreads: 2, logSeverityLevel: 4 }));
  const turns = forms.map(() => []);
  let disturbed = 0;
  for (let round = -1; round < rounds; round++)
    for (let i = 0; i < forms.length; i++) {
      const at = (i + round + 1) % forms.length;
      const run = () => sessions[at].run(forms[at].feeds);
      const { time, others } = await calmest(run, duration, round < 0 ? 1 : TRIES);
      if (round < 0) continue;
      turns[at].push(time);
      if (others > DISTURBED) disturbed++;
    }
  for (const session of sessions) await session.release();
  return { turns, disturbed: disturbed / (forms.length * rounds) };
}

/** The first turn of some that was not disturbed, or the one that was least. */
async function calmest(run, duration, tries) {
  let best;
  for (let i = 0; i < tries && !(best?.others <= DISTURBED); i++) {
    await timed(run, duration / 3, 1);
    const others = meter();
    const time = Math.min(...(await timed(run, duration, 3)));
    const found = { time, others: others() };
    if (!best || found.others < best.others) best = found;
  }
  return best;
}

/** Tells which share of the processors' time others have taken since; work of low priority does not count. */
function meter() {
  const busy = () => cpus().reduce((sum, { times: { user, sys, irq } }) => sum + user + sys + irq, 0);
  const all = () => cpus().reduce((sum, { times }) => sum + Object.values(times).reduce((a, b) => a + b), 0);
  const own = () => Object.values(process.cpuUsage()).reduce((a, b) => a + b) / 1e3;
  const [busyThen, allThen, ownThen] = [busy(), all(), own()];
  return () => (busy() - busyThen - (own() - ownThen)) / Math.max(1, all() - allThen);
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
