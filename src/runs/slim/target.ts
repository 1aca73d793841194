/** What slim is to reach and how long it may take, in the words that people use. */
import { fail } from '../../base/index.js';
import { channelSettings, pruningSettings, type TargetName } from '../settings.js';

/** What each is called. */
const words: Readonly<Record<string, TargetName>> = {
  ...{ mac: 'macs', macs: 'macs', flops: 'macs', work: 'macs' },
  ...{ params: 'params', parameters: 'params', weights: 'params' },
  ...{ bytes: 'bytes', size: 'bytes', file: 'bytes' },
  ...{ latency: 'latency', time: 'latency' },
  ...{ channels: 'channels', filters: 'channels' },
  ...{ sparsity: 'sparsity', zeros: 'sparsity', sparse: 'sparsity' },
};

/** Words that change nothing. */
const fillers = new Set(['of', 'the', 'its', 'at', 'most', 'to']);

const examples = '50%, "40M MACs", "60% of parameters", 2MB, 5ms or "90% sparsity"';

/**
 * '50% of MACs', 'macs=0.5', '2MB' or '90% sparsity' as the setting of prune that says the same. A fraction alone is of the MACs.
 * @throws UserError on anything else.
 */
export function targetFrom(text: string): Partial<Record<TargetName, string | number>> {
  const parts = text
    .trim()
    .split(/[\s=:]+/)
    .filter((part) => !fillers.has(part.toLowerCase()));
  const named = parts.filter((part) => part.toLowerCase() in words);
  const value = parts.filter((part) => !named.includes(part)).join('');
  if (named.length > 1 || value === '') return refuse(text);
  const name = named.length === 1 ? words[named[0].toLowerCase()] : nameByUnit(value);
  const setting = name === 'sparsity' ? pruningSettings.sparsity : channelSettings[name];
  const amount = setting.parse!(value);
  return setting.ok(amount) ? { [name]: amount } : refuse(text);
}

const refuse = (text: string): never =>
  fail(`Cannot read the target ${JSON.stringify(text)}; write something like ${examples}.`);

const nameByUnit = (value: string): TargetName =>
  /ms$/.test(value) ? 'latency' : /B$/.test(value) ? 'bytes' : 'macs';

const seconds: Readonly<Record<string, number>> = {
  ...{ s: 1, sec: 1, second: 1, seconds: 1 },
  ...{ m: 60, min: 60, minute: 60, minutes: 60 },
  ...{ h: 3600, hour: 3600, hours: 3600 },
};

/** '90s', '10m' or '1h30m' in seconds. @throws UserError on anything else. */
export function secondsFrom(text: string): number {
  const whole = text.replace(/\s/g, '');
  const parts = [...whole.matchAll(/([\d.]+)([a-z]+)/g)];
  const sum = parts.reduce((total, [, digits, unit]) => total + Number(digits) * seconds[unit], 0);
  const read = parts.map(([part]) => part).join('');
  if (read !== whole || !(sum > 0) || !Number.isFinite(sum))
    fail(`Cannot read the time ${JSON.stringify(text)}; write it like 90s, 10m or 1h30m.`);
  return sum;
}
