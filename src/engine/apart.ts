/**
 * A machine whose memory is apart from the host's, as a GPU's is, made of one whose memory is not: for tests of everything that reads
 * or writes memory. The host sees a mirror, and what it does not pull or push does not get across. What a run writes is NaN in the
 * mirror from then on, in the first line of every result, until it is pulled.
 */
import { type Driver, LINE } from './driver.js';
import { LANES, PROGRAM_HEAD, STEP, STEP_HEAD } from './lowering/contract.js';
import { namedWords } from './lowering/layout.js';
import { profileStride } from './machine.js';

/** How often memory went to and fro, and how many words. */
export interface Traffic {
  pulls: number;
  pushes: number;
  pulled: number;
  pushed: number;
  runs: number;
}

export const noTraffic = (): Traffic => ({ pulls: 0, pushes: 0, pulled: 0, pushed: 0, runs: 0 });

export interface ApartOptions {
  /** Counted here. */
  traffic?: Traffic;
  /** Names of kernels that the machine is to lack. */
  lacks?: readonly string[];
}

/** `engine` runs the programs, and `mirror`, of the same kind, has the memory that the host sees. */
export function apart(
  engine: Driver,
  mirror: Driver,
  { traffic = noTraffic(), lacks = [] }: ApartOptions = {},
): Driver {
  const [listed, ...rest] = engine.names.split('\n');
  const kernels = listed.split(',');
  const names = kernels.map((name) => (lacks.includes(name) ? '' : name)).join(',');
  const ints = (driver: Driver, line: number, words: number) => {
    const { buffer, offset } = driver.buffer(line, 4 * words);
    return new Int32Array(buffer, offset, words);
  };

  function poison(line: number): void {
    const { buffer, offset } = mirror.buffer(line, LINE);
    new Float32Array(buffer, offset, LANES).fill(Number.NaN);
  }

  /** The results of the steps that a run takes. */
  function poisonResults(program: number): void {
    const [steps] = ints(engine, program, 1);
    for (let step = 0, at = PROGRAM_HEAD; step < steps; step++) {
      const head = ints(engine, program, at + STEP_HEAD).subarray(at);
      const all = ints(engine, program, at + head[STEP.words]).subarray(at + STEP_HEAD);
      if (head[STEP.items] > 0)
        for (const { kind, word } of namedWords({ kernel: kernels[head[STEP.kernel]], words: [...all] }))
          if ((kind === 'write' || kind === 'update') && Number(word) > 0) poison(Number(word));
      at += head[STEP.words];
    }
  }

  /** The times, which the host need not pull. */
  function copyTimes(program: number, profile: number): void {
    const [steps] = ints(engine, program, 1);
    const words = (profileStride(steps) * LINE * engine.threads) / 4;
    ints(mirror, profile, words).set(ints(engine, profile, words));
  }

  return {
    ...engine,
    names: [names, ...rest].join('\n'),
    vector: `${engine.vector}, apart`,
    little: 0,
    reach: (end) => engine.reach(end) && mirror.reach(end),
    buffer: mirror.buffer,
    zero(line, lines) {
      engine.zero(line, lines);
      mirror.zero(line, lines);
    },
    async pull(line, words) {
      traffic.pulls++;
      traffic.pulled += words;
      ints(mirror, line, words).set(ints(engine, line, words));
    },
    push(line, words) {
      traffic.pushes++;
      traffic.pushed += words;
      ints(engine, line, words).set(ints(mirror, line, words));
    },
    async run(program, profile) {
      traffic.runs++;
      await engine.run(program, profile);
      poisonResults(program);
      if (profile > 0) copyTimes(program, profile);
    },
    async close() {
      await Promise.all([engine.close(), mirror.close()]);
    },
  };
}
