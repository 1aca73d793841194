/**
 * Random models, archives, pictures and recipes, many of them damaged: each must work, or be refused in a sentence, in bounded time and
 * memory, and what onnxruntime computes too must be the same. Inputs are tried in processes of their own, so that a crash is
 * a finding; every finding is printed with the seed that makes it again.
 *
 *     node scripts/fuzz.mjs --seconds 120 --seed 1     tries the corpus, then new inputs for so long
 *     node scripts/fuzz.mjs --inputs 4000              so many new ones at most: the same on every machine
 *     node scripts/fuzz.mjs --only 4711                tries one input, and says what came of it
 *     node scripts/fuzz.mjs --jobs 2                   in so many processes; default 1
 *
 * With ESPALIER_NATIVE_PATH=build/checked/espalier.node the kernels check themselves. Ends with status 1 where there is a finding.
 */
import { fork } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    inputs: { type: 'string', default: 'Infinity' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    jobs: { type: 'string', default: '1' },
  },
});

/** An input that takes longer, or leaves a process with more memory, is a finding. */
const MOST_SECONDS = 60;
const MOST_BYTES = 3 * 2 ** 30;
/** A process is replaced after so many inputs: what others left in its memory is not this one's. */
const INPUTS_EACH = 500;

const REFUSAL = 'onnxruntime refuses what is computed';

const here = fileURLToPath(new URL('.', import.meta.url));
const corpusFolder = join(here, 'fixtures', 'fuzz');
const corpus = readdirSync(corpusFolder)
  .filter((name) => name.endsWith('.onnx'))
  .map((name) => join(corpusFolder, name));

const start = Date.now();
const deadline = start + 1000 * Number(values.seconds);
const findings = new Map();
/** What espalier computes although onnxruntime refuses it: to be looked at, since onnxruntime also refuses what it merely lacks. */
const lenient = new Map();
const outcomes = { works: 0, refused: 0 };
let tried = 0;
let next = 0;

/** The next input: one of the corpus, or a seed. */
function take() {
  if (values.only !== undefined) return next++ === 0 ? { seed: Number(values.only) } : undefined;
  if (next < corpus.length) return { seed: next, corpus: corpus[next++] };
  if (Date.now() > deadline || next >= corpus.length + Number(values.inputs)) return undefined;
  return { seed: (Number(values.seed) * 1_000_003 + next++) >>> 0 };
}

function note({ seed, corpus: file }, phase, { outcome, finding, detail }) {
  tried++;
  if (outcome) outcomes[outcome]++;
  if (values.only !== undefined) process.stdout.write(`${outcome ?? `${finding}\n${detail ?? ''}`}\n`);
  if (!finding) return;
  const refusal = finding === REFUSAL;
  const into = refusal ? lenient : findings;
  const kindOf = refusal ? `: ${`${detail}`.replace(/\([^)]*\)|"[^"]*"|'[^']*'/g, '').slice(-130)}` : '';
  const key = `${`${finding}${kindOf}`.replace(/\d+/g, '#')} (${phase})`;
  const known = into.get(key) ?? { finding, phase, detail, inputs: [] };
  known.inputs.push(file ?? seed);
  into.set(key, known);
  if (known.inputs.length === 1 && values.only === undefined)
    process.stdout.write(
      `${finding}, in ${phase}: ${file ?? `--only ${seed}`}\n    ${`${detail ?? ''}`.split('\n').slice(0, 4).join('\n    ')}\n`,
    );
}

/** One process after another, each for many inputs, until there are no more. */
async function work() {
  for (let input = take(); input; ) {
    const child = fork(join(here, 'fuzz', 'child.mjs'), {
      execArgv: ['--max-old-space-size=2048'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let said = '';
    child.stderr.on('data', (text) => {
      said = `${said}${text}`.slice(0, 2000);
    });
    const mail = [];
    let wake = () => {};
    child.on('message', (message) => {
      mail.push(message);
      wake();
    });
    child.on('exit', (code, signal) => {
      mail.push({ gone: signal ?? `exit ${code}` });
      wake();
    });
    const answer = async (until) => {
      for (;;) {
        if (mail.length > 0) return mail.shift();
        const left = until - Date.now();
        if (left <= 0) return { late: true };
        await new Promise((resolve) => {
          const timer = setTimeout(resolve, left);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    };
    const first = await answer(Date.now() + 60_000);
    if (first.gone || first.late) throw new Error(`scripts/fuzz/child.mjs does not start:\n${said}`);
    for (let count = 0; input && count < INPUTS_EACH; count++) {
      child.send(input);
      const until = Date.now() + 1000 * MOST_SECONDS;
      let phase = 'start';
      let message = await answer(until);
      while (message.phase) {
        phase = message.phase;
        message = await answer(until);
      }
      if (message.done) {
        const heavy = message.memory > MOST_BYTES;
        note(
          input,
          heavy ? phase : phase === 'start' ? message.kind : phase,
          heavy ? { finding: 'more than 3 GB of memory' } : message.done,
        );
        input = take();
        if (heavy) break;
        continue;
      }
      // What ends onnxruntime is not for us to mend.
      if (phase === 'onnxruntime') note(input, phase, { outcome: 'works' });
      else
        note(input, phase, {
          finding: message.late
            ? `takes longer than ${MOST_SECONDS} s`
            : `the process ends (${message.gone})`,
        });
      input = take();
      break;
    }
    child.removeAllListeners('exit');
    child.kill('SIGKILL');
  }
}

await Promise.all(Array.from({ length: Number(values.jobs) }, work));

const minutes = (Date.now() - start) / 60_000;
process.stdout.write(
  `${tried} inputs in ${minutes.toFixed(1)} minutes, ${Math.round(tried / minutes)} a minute: ${outcomes.works} work, ${outcomes.refused} are refused, ${lenient.size} kinds are computed that onnxruntime refuses, ${findings.size} findings.\n`,
);
for (const { finding, phase, inputs } of [...lenient.values(), ...findings.values()])
  process.stdout.write(`${inputs.length} × ${finding} (${phase}): --only ${inputs.slice(0, 3).join(', ')}\n`);
process.exit(findings.size > 0 ? 1 : 0);
