/** Whom a run is told to, as `--log` says it. */
import type { Setting, Settings } from '../../base/index.js';

/** `mlflow:URL` has a place, the others have none. */
const isLog = (item: unknown): item is string => {
  if (item === 'csv' || item === 'tensorboard') return true;
  const [, url] = /^mlflow:(https?:\/\/.+)$/.exec(String(item)) ?? [];
  return url !== undefined && URL.canParse(url) && new URL(url).username === '';
};

const log: Setting<string[]> = {
  ok: (value): value is string[] =>
    Array.isArray(value) && value.every(isLog) && new Set(value).size === value.length,
  must: 'be a list of csv, tensorboard and mlflow:URL, such as tensorboard,mlflow:http://127.0.0.1:5000; a user and a password go into MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD',
  parse: (given) => given.split(',').map((item) => item.trim()),
  argument: 'NAMES',
  words: ['csv', 'tensorboard', 'mlflow:'],
  about:
    'also write the figures of the run to csv, tensorboard or mlflow:URL, or to several of them, separated by commas',
};

/** Whom a run is told to. */
export const trackingSettings = { log } satisfies Settings;
