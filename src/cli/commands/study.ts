/** study: a comparison of many runs. */

import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { fail, version } from '../../base/index.js';
import { claimStudy, gathering, openStore, readStudy, refuseHalving, studyRuns } from '../../runs/index.js';
import { define } from '../define.js';
import { Stopped } from '../face.js';
import { showCost } from '../study/cost.js';
import { SLURM, writeJob } from '../study/job.js';
import { perform, refuseForWorkers } from '../study/perform.js';
import { show } from '../study/show.js';

export function addStudy(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'study',
    argument: '[STUDY]',
    about: 'YAML file with the settings that all runs share and those that vary',
    out: 'folder of the study; each run gets a folder in it',
    recipes: false,
    examples: [
      'study studies/fggp-ablation.yaml --out runs/fggp-ablation --jobs 2',
      'study studies/fggp-ablation.yaml --out runs/fggp-ablation --table',
      'study studies/masksparsity.yaml --model resnet56.onnx --out runs/masksparsity',
    ],
    async run({ given, argument: [path], out }, face) {
      if (!path) return fail('The study is missing: name its file, as in espalier study mine.yaml.');
      if (!out) return fail('The folder of the study is missing: give --out, such as --out runs/mine.');
      const named = await readStudy(path);
      const { model, log } = given;
      const recipe = { ...named.recipe, ...(model && { model }), ...(log && { log }) };
      const study = { ...named, recipe };
      const runs = studyRuns(study, out, version);
      refuseHalving(study, runs);
      const { jobs = 1, threads = Math.max(1, Math.floor(availableParallelism() / jobs)) } = given;
      const { queue, engine } = given;
      if (queue !== undefined) refuseForWorkers(queue, given);
      const { storage } = given;
      const refresh = storage === undefined ? undefined : gathering(await openStore(storage), out, runs);
      const place = { runs, study, out, jobs, threads, engine, queue, storage, refresh };
      await refresh?.();
      if (queue === SLURM && !given.table && !given.cost) return writeJob(place, given, face);
      if (given.cost) return showCost(place, face);
      if (!given.table) {
        const release = await claimStudy(out);
        await perform(place, face).finally(release);
      }
      await show(study, runs, out, face);
      if (face.signal.aborted)
        throw new Stopped(
          queue === undefined
            ? 'Stopped; the same command goes on.'
            : 'Stopped watching; the workers go on, and the same command watches them again.',
        );
    },
  });
}
