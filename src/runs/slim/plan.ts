/** How slim goes about a model that has data: what to reach, at which rate, for how many epochs. */

import { UserError } from '../../base/index.js';
import { checkGoal, costs, findChannels, type MethodSettings, untied, usual } from '../../channels/index.js';
import type { Machine } from '../../engine/index.js';
import { type Recipe, resolveRecipe } from '../recipe.js';
import { structuredMethod } from '../registry.js';
import { targetNames } from '../settings.js';
import { type Choice, choose, type Known } from '../suit/rules.js';
import type { Situation } from '../suit/situation.js';
import { chosenLines, valuesOf } from '../suit/suit.js';
import type { AimedTask } from '../task.js';
import type { RunOptions } from '../work.js';
import { blocksFor } from './blocks.js';
import { type RateTest, testRates } from './rates.js';

/** Of the MACs, what is left unless told otherwise; the first that the model can come down to. */
const FRACTIONS = [0.5, 0.65, 0.8, 0.9];
/** Of the weights, what goes where no channels can. */
const SPARSITY = 0.8;
/** Part of the time that goes into finding a rate, and that all is planned to take. */
const TESTING = 0.25;
const PLANNED = 0.9;
/** More epochs are seldom worth their time. */
const MOST_EPOCHS = 60;
/** What a training sample takes in passes forwards, where it was not measured. */
const PASSES = 6;
/** How often the test samples are passed by what is around the training. */
const AROUND = 4;
/** Steps without which training is nothing. */
const LEAST_STEPS = 10;

export interface Planning {
  known: Known;
  task: AimedTask;
  situation: Situation;
  machine: Machine;
  version: string;
  options: RunOptions;
  /** When all should be done, of `performance.now()`. */
  end: number;
}

/** The recipe: the target, the rate tested, and as many epochs as there is time for; what was chosen is said. */
export async function plan(planning: Planning): Promise<Recipe> {
  const { situation, version, options } = planning;
  const target = await targetFor(planning);
  const blocks = await blocksOf({ ...planning, known: { ...planning.known, ...valuesOf(target) } });
  const known = { ...planning.known, ...valuesOf(target), ...valuesOf(blocks) };
  const test = await rateFor({ ...planning, known });
  const epochs = epochsFor({ ...planning, known }, test);
  const given = { ...known, ...valuesOf(epochs) };
  const rate = test && { value: test.best.rate, because: reasonOf(test) };
  const rules = choose(given, situation);
  const chosen = new Map([
    ...target,
    ...blocks,
    ...epochs,
    ...rules,
    ...(rate ? [['lr', rate] as const] : []),
  ]);
  options.onNote?.(chosenLines(chosen));
  const because = Object.fromEntries([...chosen].map(([name, choice]) => [name, choice.because]));
  return resolveRecipe('prune', { ...given, ...valuesOf(chosen), because }, version);
}

type Chosen = Map<string, Choice>;

/** What to reach, where that is not given. */
async function targetFor({ known, task, situation }: Planning): Promise<Chosen> {
  if (targetNames.some((name) => known[name] !== undefined)) return new Map();
  const graph = untied(task.graph).graph;
  const channels = findChannels(graph, { inputShapes: task.inputShapes });
  for (const fraction of FRACTIONS) {
    const chosen = choose({ epochs: 1, ...known, macs: fraction }, situation);
    const method = structuredMethod((known.method ?? chosen.get('method')?.value) as string | undefined);
    if (!method) break;
    const settings: MethodSettings = { ...usual, ...method.defaults };
    const limits = { roundTo: (known.roundTo ?? chosen.get('roundTo')?.value) as number | undefined };
    const goal = { of: 'macs', fraction } as const;
    const cost = costs.macs({ inputShapes: task.inputShapes });
    const refused = await checkGoal({ graph, channels, settings, limits, goal, cost }).then(
      () => undefined,
      (error) => error,
    );
    if (!refused) return new Map([['macs', { value: fraction, because: reachable(fraction) }]]);
    if (!(refused instanceof UserError)) throw refused;
  }
  return new Map([['sparsity', { value: SPARSITY, because: 'no channels can go' }]]);
}

/** In which blocks channels go, where the rules would have them finer than runtimes like. */
async function blocksOf({ known, task, situation, machine, options }: Planning): Promise<Chosen> {
  const finest = choose({ epochs: 1, ...known }, situation).get('roundTo')?.value;
  if (known.roundTo !== undefined || typeof finest !== 'number') return new Map();
  const { graph, inputShapes } = task;
  const found = await blocksFor({ known, graph, inputShapes, finest, machine, signal: options.signal });
  return new Map(found ? [['roundTo', found]] : []);
}

const reachable = (fraction: number): string =>
  fraction === FRACTIONS[0]
    ? 'half of the work, unless --target says otherwise'
    : 'less is out of reach, since too many channels must stay';

/** A test of rates; undefined where the rate is given, or there is no time. */
async function rateFor({
  known,
  task,
  situation,
  machine,
  version,
  options: { signal, onNote },
  end,
}: Planning): Promise<RateTest | undefined> {
  const forward = situation.seconds!;
  const left = secondsLeft(end);
  const guessed = epochsIn((PLANNED - TESTING) * left, {
    ...{ known, task, forward },
    perSample: PASSES * forward,
  });
  const epochs = known.epochs ?? Math.min(MOST_EPOCHS, Math.ceil(guessed.fitting));
  if (known.lr !== undefined || epochs === 0) return undefined;
  onNote?.('Trying learning rates on training samples …');
  const rough = { ...known, epochs };
  const settings = { batch: 128, ...valuesOf(choose(rough, situation)), ...rough };
  return testRates(settings, task, { machine, signal, version, seconds: TESTING * left, forward });
}

const secondsLeft = (end: number): number => Math.max(0, end - performance.now()) / 1000;

const reasonOf = ({ trials, samples, epochs, held }: RateTest): string => {
  const list = trials
    .toSorted((a, b) => a.rate - b.rate)
    .map(({ rate, accuracy, loss }) =>
      accuracy === undefined
        ? `a loss of ${loss.toPrecision(3)} at ${rate}`
        : `${(100 * accuracy).toFixed(1)} % at ${rate}`,
    )
    .join(', ');
  return `tried on ${samples} training samples, ${epochs} ${epochs === 1 ? 'epoch' : 'epochs'} each, and measured on ${held} others: ${list}`;
};

/**
 * As many epochs as there is time for, where they are not given; where that is less than one, a part of the samples, and where that is
 * next to nothing, no training.
 */
function epochsFor({ known, task, situation, end }: Planning, test: RateTest | undefined): Chosen {
  if (known.epochs !== undefined) return new Map();
  const forward = situation.seconds!;
  const perSample = test?.perSample ?? PASSES * forward;
  const { fitting, epoch } = epochsIn(PLANNED * secondsLeft(end), { known, task, forward, perSample });
  const long = `an epoch takes about ${spoken(epoch)}`;
  const short = `${long}, for which there is no time`;
  const part = Math.floor(fitting * samplesOf(known, task));
  if (fitting >= MOST_EPOCHS)
    return new Map([
      ['epochs', { value: MOST_EPOCHS, because: `${long}, and more are seldom worth their time` }],
    ]);
  if (fitting >= 1)
    return new Map([
      ['epochs', { value: Math.floor(fitting), because: `${long}, and that is what there is time for` }],
    ]);
  if (part >= LEAST_STEPS * ((known.batch as number | undefined) ?? 128))
    return new Map([
      ['epochs', { value: 1, because: short }],
      ['trainSamples', { value: part, because: 'that is what there is time for' }],
    ]);
  // Single weights go while a network is trained.
  const least = known.sparsity === undefined ? 0 : 1;
  return new Map([['epochs', { value: least, because: short }]]);
}

/** How many epochs fit, which may be a part of one, and what one takes. */
function epochsIn(
  seconds: number,
  { known, task, forward, perSample }: { known: Known; task: AimedTask; forward: number; perSample: number },
): { fitting: number; epoch: number } {
  const { train, test = train } = task.dataset;
  const epoch = perSample * samplesOf(known, task) + forward * test.length;
  const around = AROUND * forward * test.length;
  return { epoch, fitting: Math.max(0, (seconds - around) / epoch) };
}

const samplesOf = (
  { trainSamples = Number.POSITIVE_INFINITY }: Known,
  { dataset: { train } }: AimedTask,
): number => Math.min(train.length, trainSamples as number);

const spoken = (seconds: number): string =>
  seconds < 100 ? `${Math.ceil(seconds)}s` : `${Math.ceil(seconds / 60)}m`;
