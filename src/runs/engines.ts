/** What has computed a run: one engine as a rule, and several where it was resumed on another, whose last bits are not the same. */
import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Machine } from '../engine/index.js';
import { type RunFolder, readJson, writeJson } from './folder.js';
import type { RunOptions } from './work.js';

/** Notes what computes a run from its beginning. */
export async function beginEngines(folder: RunFolder, { engine }: Machine): Promise<string[]> {
  await writeJson(folder.engines, [engine]);
  return [engine];
}

/** Notes what computes a run from now on, and says so where that is something else than before; all that have, in their order. */
export async function goOnWith(
  folder: RunFolder,
  machine: Machine,
  { onNote }: Pick<RunOptions, 'onNote'>,
): Promise<string[]> {
  const before = (await readJson(folder.engines)) as string[] | undefined;
  if (!before || !(await hasResults(folder))) return beginEngines(folder, machine);
  const { engine } = machine;
  if (before.at(-1) === engine) return before;
  const engines = [...before, engine];
  const [first, ...others] = engines;
  onNote?.(
    `This run began on ${first} and continues on ${others.join(', then ')}: its numbers will differ in their last bits from those of a run on one engine.`,
  );
  await writeJson(folder.engines, engines);
  return engines;
}

/** What a resumed run takes over: a training, the outcome of a stage, targets that were tried. */
const RESULTS = ['state.bin', 'stage.json', 'search.json'];

const hasResults = async ({ stages }: RunFolder): Promise<boolean> =>
  (await readdir(stages, { recursive: true })).some((path) => RESULTS.includes(basename(path)));
