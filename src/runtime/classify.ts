/** What is in a picture, in the words of a model's own card: see card.ts. */
import { fail } from '../base/index.js';
import { type Card, conversion, fit, type ImageShape, normalizer, turned } from '../data/pictures/index.js';
import type { Model } from './model.js';
import { imageOf, type Picture } from './picture.js';

/** A class that a picture may be of. */
export interface Label {
  /** Its name, or its number as text where the model names no classes. */
  label: string;
  /** Between 0 and 1. */
  score: number;
  /** The number of the class. */
  index: number;
}

/** What the model's card says is used where nothing is given. */
export interface ClassifyOptions
  extends Pick<Card, 'classes' | 'mean' | 'std' | 'scale' | 'colors' | 'resize'> {
  /** How many labels to give, the best first; default 5. */
  readonly top?: number;
}

/**
 * Classifies a picture. It is resized, put into the model's colours and normalised as in training, by the model's card; scores are
 * the model's own where it ends in a Softmax or Sigmoid, otherwise the softmax of its outputs.
 *
 * @throws UserError when it is no picture, the model is no classifier of pictures, or nothing says how pictures are normalised.
 */
export async function classify(
  model: Model,
  picture: Picture,
  options: ClassifyOptions = {},
): Promise<Label[]> {
  const { top = 5 } = options;
  if (!(Number.isInteger(top) && top > 0))
    fail(`classify cannot give ${top} labels; give a whole number above 0 as top.`);
  const name = inputOf(model);
  const [output, shape] = outputOf(model);
  const answers = await model.run({ [name]: await numbersOf(model, picture, options) });
  const numbers = answers[output];
  const scores = model.card.probabilities ? numbers : softmax(numbers);
  const classes = options.classes ?? model.card.classes;
  if (options.classes && options.classes.length !== shape)
    fail(
      `There are ${options.classes.length} classes given, but the model has ${shape}; give a name for each.`,
    );
  const named = classes?.length === shape ? classes : undefined;
  return Array.from(scores, (score, index) => ({ label: named?.[index] ?? String(index), score, index }))
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, top);
}

/** The picture as the model's input takes it. */
async function numbersOf(model: Model, picture: Picture, options: ClassifyOptions): Promise<Float32Array> {
  const { card } = model;
  const [, ...dims] = [...model.inputs.values()][0];
  const last = card.layout === 'NHWC';
  const shape: ImageShape = last ? [dims[2], dims[0], dims[1]] : [dims[0], dims[1], dims[2]];
  const normalize = normalizationOf(card, options);
  const write = normalizer(shape, normalize, last);
  const image = await imageOf(picture);
  const convert = conversion(image.channels, shape[0]);
  if (!convert)
    return fail(
      `The model takes pictures of ${shape[0]} channels, which classify cannot make; call run instead.`,
    );
  const converted = convert(image);
  const colored = (options.colors ?? card.colors) === 'BGR' && shape[0] === 3 ? turned(converted) : converted;
  const out = new Float32Array(shape[0] * shape[1] * shape[2]);
  write(fit(colored, shape, options.resize ?? card.resize ?? 'crop'), out);
  return out;
}

function normalizationOf(card: Card, { mean, std, scale }: ClassifyOptions) {
  if (mean && std) return { mean, std, scale };
  if (!card.mean || !card.std)
    return fail(
      'The model does not say how its pictures are normalised; give classify the mean and std that it was trained with, such as { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }.',
    );
  return { mean: card.mean, std: card.std, scale: card.scale };
}

function inputOf({ inputs }: Model): string {
  const [[name, shape] = ['', []]] = inputs;
  if (inputs.size === 1 && shape.length === 4) return name;
  const why = inputs.size === 1 ? `its input ${name} is [${shape.join(', ')}]` : severalInputs(inputs);
  return fail(`The model is not a classifier of pictures: ${why}; call run instead.`);
}

const severalInputs = (inputs: Model['inputs']): string =>
  inputs.size === 0 ? 'it has no input' : `it has ${inputs.size} inputs (${[...inputs.keys()].join(', ')})`;

/** The first output, and how many classes it has. */
function outputOf({ outputs }: Model): [name: string, classes: number] {
  const [[name, shape]] = outputs;
  const long = shape.filter((length) => length !== 1);
  if (long.length > 1)
    fail(
      `The model is not a classifier: its output ${name} is [${shape.join(', ')}], not a number for each class; call run instead.`,
    );
  return [name, long[0] ?? 1];
}

function softmax(numbers: Float32Array): Float64Array {
  const most = numbers.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = Float64Array.from(numbers, (x) => Math.exp(x - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
