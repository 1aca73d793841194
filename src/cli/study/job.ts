/** A study as one array job of Slurm. */
import { fileURLToPath } from 'node:url';
import { fail } from '../../base/index.js';
import type { MachineChoice } from '../../engine/index.js';
import { claimStudy, openRuns, writeArrayJob } from '../../runs/index.js';
import type { Face } from '../face.js';
import type { Undertaking } from './undertaking.js';

/** What --queue says where runs become one array job. */
export const SLURM = 'slurm';

const program = fileURLToPath(new URL('../main.js', import.meta.url));

/** Writes an array job of what is not there yet. */
export async function writeJob(
  { study, runs, out, storage }: Undertaking,
  { jobs, threads = 1, engine }: { jobs?: number } & MachineChoice,
  face: Face,
): Promise<void> {
  if (study.halving)
    fail(
      'Slurm carries out all runs in parallel, so none can be stopped early: leave halving out, or use workers.',
    );
  const release = await claimStudy(out);
  try {
    const open = await openRuns(
      runs.map((run) => ({ run })),
      { onEvent: () => {} },
    );
    if (open.length === 0) return face.result({ runs: 0 }, 'All runs are there already.');
    const node = [process.execPath, program];
    const script = await writeArrayJob(open, { study: out, program: node, jobs, threads, engine, storage });
    face.result(
      { runs: open.length, script },
      `${script} has ${open.length} runs that are not there yet, on ${threads} ${threads === 1 ? 'core' : 'cores'} each. Submit it with: sbatch ${script}`,
    );
  } finally {
    await release();
  }
}
