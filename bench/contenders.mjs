/** Who takes part: each a process of its own that takes a train step when asked and sleeps otherwise. */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

const espalier = (engine, threads, sparsity = 0, masks = 'uniform') => ({
  name: `espalier, ${engine}, ${threads} thread${threads > 1 ? 's' : ''}${sparsity ? `, ${+(100 * sparsity).toFixed(1)} % sparse` : ''}`,
  kind: engine,
  threads,
  sparsity,
  command: [
    process.execPath,
    here('step.mjs'),
    ...['--engine', engine, '--threads', String(threads)],
    ...['--sparsity', String(sparsity), '--masks', masks],
  ],
});

const pytorch = (python, layout) => ({
  name: `PyTorch, ${layout}, 2 threads`,
  kind: 'pytorch',
  threads: 2,
  command: [python, here('peers/step.py'), '--layout', layout, '--threads', '2'],
});

/** The contenders for a python that may or may not have torch; espalier dense and at these sparsities. */
export const contenders = (python, sparsities, masks) => [
  espalier('native', 2),
  ...sparsities.map((sparsity) => espalier('native', 2, sparsity, masks)),
  espalier('native', 1),
  espalier('wasm', 2),
  ...sparsities.map((sparsity) => espalier('wasm', 2, sparsity, masks)),
  pytorch(python, 'nchw'),
  pytorch(python, 'channels_last'),
];

/** Why PyTorch cannot take part; undefined where it can. */
export function absenceOfTorch(python) {
  const { status, error, stderr } = spawnSync(python, ['-c', 'import torch'], { encoding: 'utf8' });
  if (status === 0) return undefined;
  return error ? `${python} is not there` : (stderr.trim().split('\n').at(-1) ?? 'it does not start');
}

/** Starts a contender on a network and waits until it stands. Throws an Error that says why it does not. */
export async function start({ command: [program, ...args] }, { net, batch }) {
  const child = spawn(program, [...args, '--net', net, '--batch', String(batch)]);
  const ended = new Promise((resolve) => {
    child.once('close', resolve);
    child.once('error', resolve);
  });
  let complaint = '';
  child.stderr.on('data', (text) => {
    complaint += text;
  });
  child.stdin.on('error', () => {});
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  async function answer() {
    const { value, done } = await answers.next();
    if (!done) return JSON.parse(value);
    await ended;
    throw new Error(complaint.trim().split('\n').at(-1) || `${program} ended without a word`);
  }
  function ask(request) {
    child.stdin.write(`${request}\n`);
    return answer();
  }
  return {
    ready: await answer(),
    step: () => ask('step'),
    profile: async () => (await ask('profile')).profile,
    /** The most memory it has had resident, in bytes, where the system tells. */
    peakResident: () => peakResident(child.pid),
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}

function peakResident(pid) {
  try {
    const kilobytes = /VmHWM:\s*(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return kilobytes ? Number(kilobytes[1]) * 1024 : undefined;
  } catch {
    return undefined;
  }
}
