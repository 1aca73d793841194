/** What a recipe of a structured method says when it is complete: every axis, and the epochs of every stage. */
import { fail, type Settings } from '../../base/index.js';
import {
  importances,
  leftToLength,
  type MethodSettings,
  onnxruntimeRounding,
  type StructuredMethod,
  usual,
} from '../../channels/index.js';
import { ownSettings } from '../registry.js';
import { channelSettings, flagOf, pruningSettings, sharedSettings } from '../settings.js';
import { amountOf } from './settings.js';

/** What costs a target can be about, with the units of their amounts. */
const costs = { macs: 'MACs', params: '', bytes: 'B', latency: 'ms' } as const;

/** A target as a recipe has it. */
export type GivenTarget =
  | { of: 'channels'; fraction: number }
  | { of: keyof typeof costs; fraction: number }
  | { of: keyof typeof costs; atMost: number };

/** Samples that a calibration looks at where nothing else is said. */
export const defaultSamples = 512;

/** Settings as they are given, of any kind. */
export type Given = Readonly<Record<string, unknown>>;

/**
 * What a recipe aims at; undefined where its method's rule or a mask decides.
 * @throws UserError when it has two targets, or one that is neither a fraction nor a count.
 */
export function targetOf(given: Given): GivenTarget | undefined {
  const names = [...Object.keys(costs), 'channels'].filter((name) => given[name] !== undefined);
  if (names.length > 1)
    return fail(`There are two targets, ${names.map(flagOf).join(' and ')}: give one of them.`);
  const [of] = names as GivenTarget['of'][];
  if (of === undefined) return undefined;
  const value = given[of] as string | number;
  if (of === 'channels') return { of, fraction: value as number };
  const amount = amountOf(value, costs[of])!;
  if (typeof value === 'number' && amount > 1 && !Number.isInteger(amount))
    fail(
      `A target of ${value} is more than the whole model: give a fraction of it, such as ${flagOf(of)} 0.5, or an amount with its unit.`,
    );
  return typeof value === 'number' && amount <= 1 ? { of, fraction: amount } : { of, atMost: amount };
}

/**
 * Every setting of a structured method that is not given. `lr` is the recipe's.
 * @throws UserError on settings that do not go together.
 */
export function structuredDefaults(
  method: StructuredMethod,
  given: Given,
  lr: number,
  epochs: number,
): object {
  refuseForeign(method, given, true);
  const axes = { ...usual, ...method.defaults } as MethodSettings & Given;
  const own = Object.entries(method.settings ?? {}).map(([name, { fallback }]) => [name, fallback]);
  const all = Object.fromEntries(Object.keys(axes).map((name) => [name, given[name] ?? axes[name]]));
  const settings = all as unknown as MethodSettings;
  const open = leftToLength(settings);
  const chosen = Object.fromEntries(
    Object.entries(all).filter(([name]) => given[name] !== undefined || !open.includes(name)),
  );
  checkTarget(method.name, settings, given);
  const stages = epochsOf(method, settings, given, epochs);
  const trained = stages.sparseEpochs + stages.markedEpochs > 0;
  return {
    ...Object.fromEntries(own),
    ...{ ...chosen, ...stages, roundTo: onnxruntimeRounding, recalibrate: true },
    reconstruct: true,
    calibrate: given.reconstruct === false ? undefined : defaultSamples,
    fineTuneRate: trained ? lr / 5 : lr,
  };
}

/** @throws UserError on a setting of the other kind of pruning, of single weights or of channels, or of another method of users. */
export function refuseForeign(
  { name: method, settings = {} }: { name: string; settings?: Settings },
  given: Given,
  structured: boolean,
): void {
  const shared: readonly string[] = sharedSettings;
  const others = structured ? { ...pruningSettings, ...ownSettings() } : channelSettings;
  const foreign = Object.keys(others).find(
    (name) =>
      given[name] !== undefined &&
      !shared.includes(name) &&
      !(structured && (name in settings || name in channelSettings)),
  );
  if (foreign === undefined) return;
  const targets = Object.keys({ ...costs, channels: 0 });
  if (structured && foreign === 'sparsity')
    fail(
      `${method} removes whole channels, so its target is not --sparsity: give one of ${targets.map(flagOf).join(', ')}, such as --macs 0.5.`,
    );
  if (!structured && targets.includes(foreign))
    fail(
      `${method} removes single weights, so its target is not ${flagOf(foreign)}: give --sparsity, such as --sparsity 0.9.`,
    );
  fail(
    `${method} removes ${structured ? 'whole channels' : 'single weights'} and has no setting ${foreign}: leave ${flagOf(foreign)} out.`,
  );
}

function checkTarget(
  method: string,
  { rule, allocate, sparse, rounds, importance }: MethodSettings,
  given: Given,
): void {
  const target = targetOf(given);
  const mask = given.mask !== undefined;
  if (importances[importance].criterion === 'reconstruction' && !mask && (!target || given.vote))
    fail(
      `The importance ${importance} ranks whole groups at a target: give --macs, such as --macs 0.5, and leave out --vote.`,
    );
  if (target && mask) fail('--mask and a target both say what is removed: give one of them.');
  if (mask && rounds > 1) fail('--mask is applied in one round: leave --mask out, or give --rounds 1.');
  if (!target && !mask && rule === 'target' && given.dropArms === undefined)
    fail(
      'The target is missing: give --macs, --params, --bytes, --latency or --channels, such as --macs 0.5.',
    );
  if (!target && !mask && allocate === 'search')
    fail(`${method} needs a target to search for networks: give --macs, such as --macs 0.5.`);
  if (!target && !mask && allocate === 'knapsack')
    fail(`${method} needs a target, to distribute channels up to it: give --macs, such as --macs 0.5.`);
  if (allocate === 'search' && target?.of === 'latency')
    fail(
      `${method} needs a target that can be computed without a measurement: give --macs instead of --latency.`,
    );
  if (rounds < 1) fail('Channels are removed in at least one round: give --rounds 1, or leave it out.');
  if (rounds > 1 && !target)
    fail('Pruning in rounds needs a target: give one, such as --macs 0.5, or --rounds 1.');
  const judge = importances[importance].criterion;
  if (sparse === 'soft' && (judge === 'taylor' || judge === 'reconstruction'))
    fail(
      `Filters are set to 0 repeatedly, by their weights, but ${importance} needs ${judge === 'taylor' ? 'gradients' : 'samples'}: choose another --importance, such as fpgm, or another --sparse.`,
    );
  if (sparse === 'soft' && target?.of === 'latency')
    fail(
      'Setting filters to 0 needs a target that can be computed without a measurement: give --macs instead of --latency.',
    );
}

interface StageEpochs {
  epochs: number;
  sparseEpochs: number;
  markedEpochs: number;
  fineTune: number;
}

/**
 * The epochs of each stage: those given, and of the rest the method's shares, whole numbers by largest remainder. A mask that
 * is given needs no sparse stage to find it.
 */
function epochsOf(
  { name, shares }: StructuredMethod,
  { sparse, marked }: MethodSettings,
  given: Given,
  usualEpochs: number,
): StageEpochs {
  const takes = {
    sparseEpochs:
      sparse === 'none' || (given.mask !== undefined && marked !== 'none') ? 0 : (shares.sparse ?? 1),
    markedEpochs: marked === 'none' ? 0 : (shares.marked ?? 1),
    fineTune: shares.fineTune ?? 0,
  };
  const names = Object.keys(takes) as (keyof typeof takes)[];
  const said = names.filter((stage) => given[stage] !== undefined);
  const sum = said.reduce((total, stage) => total + (given[stage] as number), 0);
  const open = names.filter((stage) => !said.includes(stage) && takes[stage] > 0);
  const epochs =
    (given.epochs as number | undefined) ?? (open.length === 0 ? sum : Math.max(usualEpochs, sum));
  const rest = epochs - sum;
  if (rest < 0 || (rest > 0 && open.length === 0))
    fail(
      `The stages of ${name} have ${sum} epochs, but the run has ${epochs}: set --epochs to their sum, or leave one of ${names.map(flagOf).join(', ')} out.`,
    );
  const parts = shared(
    rest,
    open.map((stage) => takes[stage]),
  );
  const stages = names.map((stage) => [stage, given[stage] ?? parts[open.indexOf(stage)] ?? 0]);
  return { epochs, ...Object.fromEntries(stages) } as StageEpochs;
}

/** A whole number in parts as shares say, by largest remainder, the first of equals first. */
function shared(whole: number, shares: readonly number[]): number[] {
  const sum = shares.reduce((a, b) => a + b, 0);
  const exact = shares.map((share) => (whole * share) / sum);
  const parts = exact.map(Math.floor);
  const left = whole - parts.reduce((a, b) => a + b, 0);
  const order = [...exact.keys()].sort((a, b) => exact[b] - parts[b] - (exact[a] - parts[a]) || a - b);
  for (const i of order.slice(0, left)) parts[i]++;
  return parts;
}
