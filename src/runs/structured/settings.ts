/** What a run is told that removes channels, besides what `channels` is told: its target, the epochs of its stages, and what is put right after a cut. */
import { flag, number, percentage, type Setting, type Settings, upToOne, whole } from '../../base/index.js';

const UNITS = { '': 1, k: 1e3, M: 1e6, G: 1e9 } as const;

/** '2 MB', '40M' or '5ms' in bytes, MACs, parameters or milliseconds; undefined where the text says nothing such. */
export function amountOf(given: string | number, unit: string): number | undefined {
  if (typeof given === 'number') return given;
  const [, digits, prefix = ''] =
    new RegExp(`^\\s*([\\d.]+(?:e\\d+)?)\\s*([kMG]?)(?:${unit})?\\s*$`).exec(given) ?? [];
  const value = Number(digits) * UNITS[prefix as keyof typeof UNITS];
  return digits !== undefined && value > 0 ? value : undefined;
}

/** A fraction of what the model has (a number up to 1), or so much of it. */
const amount = (about: string, unit: string, example: string): Setting<string | number> => {
  const must = `be a fraction of the model’s, such as 0.5, or an amount such as ${example}`;
  return {
    ok: (value): value is string | number =>
      (typeof value === 'number' || typeof value === 'string') && Number(amountOf(value, unit)) > 0,
    must,
    parse: percentage,
    argument: `FRACTION|${example}`,
    about,
  };
};

/** What is to be reached. */
export const targetSettings = {
  macs: amount('target: multiply-accumulate operations for one sample', 'MACs', '40M'),
  params: amount('target: parameters', '', '300k'),
  bytes: amount('target: size of the .onnx file', 'B', '2MB'),
  latency: amount('target: latency of one sample in onnxruntime on this machine', 'ms', '5ms'),
  channels: number('target: fraction of all channels to keep', ...upToOne),
} satisfies Settings;

/** How long the stages are that a method may leave out. */
export const stageSettings = {
  sparseEpochs: whole('epochs of the first training stage', 0, 'EPOCHS'),
  markedEpochs: whole('epochs of the second training stage', 0, 'EPOCHS'),
} satisfies Settings;

/** What goes before any channels. */
export const depthSettings = {
  dropArms: whole(
    'number of residual branches to remove whole, before any channels: those whose removal changes the outputs least (default: none)',
    1,
  ),
} satisfies Settings;

/** What makes up for channels that are gone, or for single weights that went before any training. */
export const repairSettings = {
  reconstruct: flag(
    'solve for the weights that are left, so that every layer computes what it did before: those that read the remaining channels, or the single weights that a one-shot method keeps (default: on for a trained model with data)',
  ),
  calibrate: whole(
    'number of training samples to use for that, without their labels (default: 512); without data, the number of random inputs (default: none)',
    1,
    'SAMPLES',
  ),
} satisfies Settings;
