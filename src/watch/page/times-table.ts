/** Times of the layers of several models as rows: a layer that one of them lacks has none there. */
import type { LayerTimes } from '../types.js';

export interface TimesRow {
  name: string;
  /** Milliseconds in each model. */
  ms: (number | undefined)[];
}

/** The slowest layer of any model first; then what lies between layers, and the whole. */
export function byLayer(models: readonly LayerTimes[]): TimesRow[] {
  const names = [...new Set(models.flatMap(({ layers }) => layers.map(({ name }) => name)))];
  const rows = names.map((name): TimesRow => {
    return { name, ms: models.map(({ layers }) => layers.find((layer) => layer.name === name)?.ms) };
  });
  const most = ({ ms }: TimesRow) => Math.max(...ms.map((each) => each ?? 0));
  const sum = ({ layers }: LayerTimes) => layers.reduce((total, { ms }) => total + ms, 0);
  return [
    ...rows.sort((a, b) => most(b) - most(a)),
    { name: 'between layers', ms: models.map((model) => Math.max(0, model.ms - sum(model))) },
    { name: 'whole', ms: models.map(({ ms }) => ms) },
  ];
}
