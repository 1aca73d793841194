/** The time that each layer of a run's model takes on this machine, measured when somebody asks. */
import { stat } from 'node:fs/promises';
import { profileModel } from '../runs/index.js';
import type { LayerTimes } from './types.js';

/** Timed runs of a model. */
const RUNS = 50;

/** Measures one model after the other, since two at a time would slow each other down; what was measured is kept while its file is. */
export function openTimes(): (model: string) => Promise<LayerTimes> {
  const known = new Map<string, Promise<LayerTimes>>();
  let last: Promise<unknown> = Promise.resolve();
  return async (model) => {
    const { mtimeMs } = await stat(model);
    const key = `${model} ${mtimeMs}`;
    const measured = known.get(key) ?? last.then(() => measure(model));
    known.set(key, measured);
    last = measured.catch(() => known.delete(key));
    return measured;
  };
}

async function measure(model: string): Promise<LayerTimes> {
  const { ms, layers, machine } = await profileModel({ model, runs: RUNS });
  return { ms, machine, layers: layers.map(({ name, ms }) => ({ name, ms })) };
}
