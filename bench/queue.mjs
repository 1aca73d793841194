/**
 * What a queue costs a run, and how that grows with the number of runs that wait: seconds to put them there, and milliseconds between a run's being given out
 * and the next one's, where a run itself takes no time. On servers of this machine, with one worker.
 *
 *     node bench/queue.mjs [--servers redis,postgres] [--runs 100,1000,10000] [--given 200] [--json]       after npm run build
 */
import { parseArgs } from 'node:util';
import { openQueue } from '../dist/runs/index.js';
import { missing, openServer } from '../scripts/queue-servers.mjs';

const { values } = parseArgs({
  options: {
    servers: { type: 'string', default: 'redis,postgres' },
    runs: { type: 'string', default: '100,1000,10000' },
    given: { type: 'string', default: '200' },
    json: { type: 'boolean', default: false },
  },
});
const recipe = {
  version: '0',
  command: 'prune',
  model: 'resnet20',
  data: 'cifar10',
  epochs: 160,
  lr: 0.1,
  method: 'fggp',
};
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** Puts runs on a new server and takes some of them. */
async function measure(kind, count) {
  const server = await openServer(kind);
  const queue = await openQueue(server.url);
  try {
    const runs = Array.from({ length: count }, (_, i) => ({
      id: `run${i}`,
      run: {
        study: '/studies/mine',
        run: `fggp/0.95/seed-${i}`,
        recipe: { ...recipe, seed: i },
        version: '0',
      },
    }));
    const begun = performance.now();
    await queue.add(runs);
    const put = performance.now() - begun;
    const again = performance.now();
    await queue.add(runs);
    const twice = performance.now() - again;
    const stop = new AbortController();
    const moments = [];
    await queue.work(
      async () => {
        moments.push(performance.now());
        if (moments.length > Math.min(count - 1, Number(values.given))) stop.abort();
        return { kind: 'finished' };
      },
      { jobs: 1, signal: stop.signal },
    );
    const between = moments.slice(1).map((moment, i) => moment - moments[i]);
    return {
      server: kind,
      runs: count,
      putSeconds: put / 1000,
      againSeconds: twice / 1000,
      betweenMs: median(between),
    };
  } finally {
    await queue.close();
    await server.close();
  }
}

const rows = [];
for (const kind of values.servers.split(',')) {
  const reason = missing(kind);
  if (reason) {
    process.stderr.write(`${kind} is skipped: ${reason}.\n`);
    continue;
  }
  for (const count of values.runs.split(',').map(Number)) rows.push(await measure(kind, count));
}
if (values.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
else {
  process.stdout.write(
    '| server | runs that wait | to put them there | to put them there again | from run to run |\n|---|---:|---:|---:|---:|\n',
  );
  for (const { server, runs, putSeconds, againSeconds, betweenMs } of rows)
    process.stdout.write(
      `| ${server} | ${runs.toLocaleString('en-GB')} | ${putSeconds.toFixed(2)} s | ${againSeconds.toFixed(2)} s | ${betweenMs.toFixed(1)} ms |\n`,
    );
}
process.exit(0);
