/**
 * How long espalier takes to say something: its version, its help, that of a command, a table.
 *
 * Every command line is started anew so many times, in turns, after one start that does not count; Node alone is the
 * least that is possible.
 *
 *   node bench/start-up.mjs [--runs 20]
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const lines = ['--version', '--help', 'prune --help', 'prune --help all', 'methods', 'methods fggp'];
const contenders = [
  { name: 'node alone', words: ['-e', '0'] },
  ...lines.map((line) => ({ name: `espalier ${line}`, words: [main, ...line.split(' ')] })),
];

const { values } = parseArgs({ options: { runs: { type: 'string', default: '20' } } });
const times = contenders.map(() => []);
for (let run = -1; run < Number(values.runs); run++)
  for (const [i, { name, words }] of contenders.entries()) {
    const start = performance.now();
    const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${name} failed: ${stderr}`);
    if (run >= 0) times[i].push(performance.now() - start);
  }

console.log(`${process.version}, median and fastest of ${values.runs} starts, in ms`);
for (const [i, { name }] of contenders.entries()) {
  const sorted = times[i].sort((a, b) => a - b);
  const [median, least] = [sorted[sorted.length >> 1], sorted[0]].map((ms) => ms.toFixed(0).padStart(5));
  console.log(`${name.padEnd(26)}${median}${least}`);
}
