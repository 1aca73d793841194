/**
 * Runs all gates: what npm test checks, and what takes longer or needs more than every machine has.
 *
 *     npm run test:all                     all of them, however long they take
 *     npm run test:all -- arm64 sse2       only these
 *     npm run test:all -- --except test    all but these
 *     npm run test:all -- --list           prints their names and what they need
 *     npm run test:all -- --minutes 40     starts none after so many minutes, and ends what still runs then
 *
 * What each of them prints is in build/gates/NAME.log; a table at the end says what became of them.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gates } from './gates/index.mjs';
import { addCounts, inWords, noCounts } from './tests.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const { values, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    except: { type: 'string', multiple: true, default: [] },
    list: { type: 'boolean', default: false },
    // A day: as long as it takes.
    minutes: { type: 'string', default: '1440' },
  },
});
const unknown = [...names, ...values.except].filter((name) => !gates.some((gate) => gate.name === name));
if (unknown.length > 0 || !(Number(values.minutes) > 0)) {
  const known = gates.map(({ name }) => name).join(', ');
  process.stderr.write(
    `espalier: ${unknown.length > 0 ? `There is no gate "${unknown[0]}": there are ${known}` : '--minutes takes a number above 0'}.\n`,
  );
  process.exit(1);
}
const chosen = gates.filter(
  ({ name }) => (names.length === 0 || names.includes(name)) && !values.except.includes(name),
);

const pad = (rows) => {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('   ')
      .trimEnd(),
  );
};

const deadline = Date.now() + 60_000 * Number(values.minutes);

if (values.list) {
  const rows = chosen.map((gate) => [gate.name, gate.what, reason(gate, Date.now())]);
  process.stdout.write(`${pad(rows).join('\n')}\n`);
  process.exit(0);
}

function reason(gate, now) {
  const missing =
    gate.needs() ?? (now > deadline ? `more than ${values.minutes} minutes have passed` : undefined);
  return missing ? `skipped: ${missing}` : '';
}

const total = noCounts();
const rows = [['gate', 'seconds', 'passed', 'failed', 'skipped', '']];
mkdirSync(join('build', 'gates'), { recursive: true });

/** Runs a gate, or says why it cannot be, and adds its row. */
async function runGate(gate) {
  const log = join('build', 'gates', `${gate.name}.log`);
  rmSync(log, { force: true });
  const start = Date.now();
  const missing = reason(gate, start);
  if (missing) {
    process.stdout.write(`\n— ${gate.name} is ${missing}\n`);
    rows.push([gate.name, '', '', '', '', missing]);
    addCounts(total, { passed: 0, failed: 0, skipped: 1 });
    return;
  }
  process.stdout.write(`\n— ${gate.name}: ${gate.what}\n`);
  const counts = await gate.run({ log, deadline });
  const seconds = `${Math.round((Date.now() - start) / 1000)}`;
  process.stdout.write(`${gate.name}: ${inWords(counts)}, ${seconds} s\n`);
  addCounts(total, counts);
  const verdict = counts.failed > 0 ? `FAILED: see ${log}` : '';
  rows.push([gate.name, seconds, ...Object.values(counts).map(String), verdict]);
}

/** Gates that keep one core busy, and run beside others of their kind. */
const beside = new Set();

for (const gate of chosen) {
  if (!gate.oneCore) {
    await Promise.all(beside);
    await runGate(gate);
    continue;
  }
  if (beside.size >= availableParallelism()) await Promise.race(beside);
  const running = runGate(gate).finally(() => beside.delete(running));
  beside.add(running);
}
await Promise.all(beside);

process.stdout.write(`\n${pad(rows).join('\n')}\n\n${inWords(total)}\n`);
process.exit(total.failed === 0 ? 0 : 1);
