/** How pictures are brought to a model: what its card says, what was asked for, and the sentences that say so. */
import { fail } from '../base/index.js';
import {
  type Card,
  type Colors,
  cardOf,
  type Dataset,
  imagesOf,
  matchClasses,
  parseNormalize,
  type ResizeMode,
  type Split,
  turned,
  withCard,
  withImages,
} from '../data/index.js';
import type { Graph } from '../onnx/index.js';
import { sizeOfAnswer } from './reach.js';

/** What is done to pictures before a model gets them. */
export interface Pictures {
  /** Channels, height and width, whichever of them come first. */
  shape: readonly number[];
  /** How those of other sizes are brought to it; absent where none is resized. */
  resize?: ResizeMode;
  /** Absent where the channels are no colours. */
  colors?: Colors;
  channelsLast: boolean;
  /** (p / scale − mean) / std */
  mean: readonly number[];
  std: readonly number[];
  scale: number;
  /** Where the normalisation comes from. */
  from: 'flag' | 'model' | 'data';
  /** The same as a sentence. */
  told: string;
}

/** Settings that say how pictures are prepared. */
export interface PictureSettings {
  /** `imagenet`, or mean and standard deviation per colour channel: '0.5,0.5,0.5/0.2,0.2,0.2'. */
  normalize?: string;
  /** Height and width in pixels that pictures are resized to. */
  size?: number;
  /** How pictures of another size are brought to it. */
  resize?: ResizeMode;
  /** Order of the colours that the model takes. */
  colors?: 'rgb' | 'bgr';
}

/** The data as a model wants them by its card, where settings say nothing else. */
export interface Prepared {
  dataset: Dataset;
  pictures?: Pictures;
  /** Sentences on what data, model and settings say differently. */
  notes: string[];
}

/** Prepares pictures that have the model's size and channels already, but for their colours' order and normalisation. */
export function preparePictures(dataset: Dataset, card: Card, settings: PictureSettings): Prepared {
  const colors = colorsOf(dataset, card, settings);
  const turned = colors === 'BGR' ? withTurnedChannels(dataset) : dataset;
  const { prepared, from } = normalized(turned, card, settings.normalize);
  const channelsLast = imagesOf(dataset.train)?.channelsLast === true;
  const { shape, resize, mean, std, scale } = prepared;
  const pictures = { shape, resize, colors, channelsLast, mean, std, scale, from };
  return {
    dataset: prepared,
    pictures: { ...pictures, told: told(pictures, dataset) },
    notes: contradictions(pictures, card, settings),
  };
}

function colorsOf({ shape }: Dataset, card: Card, { colors }: PictureSettings): Colors | undefined {
  if (shape[0] !== 3) return shape[0] === 1 ? 'grey' : undefined;
  return colors ? (colors.toUpperCase() as Colors) : card.colors === 'BGR' ? 'BGR' : 'RGB';
}

/** Blue, green, red; and so the numbers by which they are normalised. */
function withTurnedChannels(dataset: Dataset): Dataset {
  const turnedSplit = (split: Split): Split =>
    withImages(split, (images) => ({
      ...images,
      at(index) {
        const image = images.at(index);
        return image instanceof Promise ? image.then(turned) : turned(image);
      },
    }));
  return {
    ...{ ...dataset, train: turnedSplit(dataset.train), test: dataset.test && turnedSplit(dataset.test) },
    ...{ mean: [...dataset.mean].reverse(), std: [...dataset.std].reverse() },
  };
}

/** By the flag, else by the model's card, else as is usual for the data. */
function normalized(
  dataset: Dataset,
  card: Card,
  flag: string | undefined,
): { prepared: Dataset; from: Pictures['from'] } {
  const channels = dataset.shape[0];
  if (flag !== undefined) {
    const { mean, std } = parseNormalize(flag);
    if (![1, channels].includes(mean.length))
      fail(
        `The normalisation has ${mean.length} channels but the images have ${channels}; give ${channels} means and ${channels} standard deviations.`,
      );
    return { prepared: { ...dataset, mean, std }, from: 'flag' };
  }
  const { mean, std, scale = 255 } = card;
  const { white } = dataset;
  if (!mean || !std || white === undefined || ![1, channels].includes(mean.length))
    return { prepared: dataset, from: 'data' };
  return { prepared: { ...dataset, mean, std, scale: (scale * white) / 255 }, from: 'model' };
}

type Untold = Omit<Pictures, 'told'>;

const SOURCES = {
  flag: () => 'as --normalize says',
  model: () => 'as the model says',
  data: (name: string) =>
    name === 'images' ? 'ImageNet’s, since the model says nothing' : `usual for ${name}`,
};

const RESIZED = {
  squash: 'squash: stretched to it',
  crop: 'crop: the middle of each, proportions kept',
  pad: 'pad: all of each, proportions kept, black around it',
};

function told(
  { shape, resize, colors, channelsLast, mean, std, scale, from }: Untold,
  { name, white }: Dataset,
): string {
  const [, height, width] = shape;
  const size = resize
    ? `resized to ${height} × ${width} (${RESIZED[resize]})`
    : `${height} × ${width} as they are, none resized`;
  const source = name === 'npz' && from === 'data' ? 'measured on the training samples' : SOURCES[from](name);
  const values = scale === white ? 'from 0 to 1' : scale === 1 ? 'as they are' : `divided by ${scale}`;
  const numbers = `mean ${mean.map(short).join(', ')} and deviation ${std.map(short).join(', ')} of values ${values}`;
  return `Pictures: ${size}; ${colors ?? `${shape[0]} channels`}${channelsLast ? ', channels last' : ''}; normalised with ${numbers} (${source}).`;
}

const short = (x: number): string => String(Number(x.toPrecision(4)));

/** What settings say that the model's card says differently. */
function contradictions(pictures: Untold, card: Card, settings: PictureSettings): string[] {
  const { mean, std, scale = 255 } = card;
  const [, height, width] = pictures.shape;
  const same = (a: readonly number[], b: readonly number[]) =>
    Array.from({ length: Math.max(a.length, b.length) }, (_, c) => (a[c] ?? a[0]) - (b[c] ?? b[0])).every(
      (difference) => Math.abs(difference) < 1e-6,
    );
  const others = (what: string, its: string, flag: string, given: string) =>
    `The model says that its pictures ${what} ${its}, but --${flag} says ${given}; the flag counts.`;
  return [
    ...(pictures.from === 'flag' &&
    mean &&
    std &&
    !(scale === 255 && same(mean, pictures.mean) && same(std, pictures.std))
      ? [
          others(
            'are normalised with',
            `${mean.join(',')}/${std.join(',')}${scale === 255 ? '' : `, bytes divided by ${scale}`}`,
            'normalize',
            settings.normalize!,
          ),
        ]
      : []),
    ...(settings.size !== undefined && card.size && (card.size[0] !== height || card.size[1] !== width)
      ? [others('are', `${card.size[0]} × ${card.size[1]}`, 'size', String(settings.size))]
      : []),
    ...(settings.resize && card.resize && settings.resize !== card.resize
      ? [others('are resized by', card.resize, 'resize', settings.resize)]
      : []),
    ...(settings.colors && card.colors && settings.colors.toUpperCase() !== card.colors
      ? [others('are', card.colors, 'colors', settings.colors)]
      : []),
  ];
}

/** The data with the model's names for its classes, matched by name, where it has names for all of its outputs. */
export function withClassesOf(
  graph: Graph,
  inputShapes: Record<string, number[]>,
  dataset: Dataset,
): { dataset: Dataset; notes: string[] } {
  const { classes } = cardOf(graph);
  if (!classes || dataset.classes.length === 0 || classes.length !== sizeOfAnswer({ graph, inputShapes }))
    return { dataset, notes: [] };
  const matched = matchClasses(dataset, classes);
  return { dataset: matched.dataset, notes: matched.note ? [matched.note] : [] };
}

/**
 * The model with all that is known of its pictures and classes in its metadata.
 * @param trained for the classes of the data, whatever it named its own before.
 */
export function withCardFor(
  { graph, dataset, pictures }: { graph: Graph; dataset: Dataset; pictures?: Pictures },
  trained: boolean,
): Graph {
  const before = cardOf(graph);
  const { white } = dataset;
  const its = before.classes?.length === dataset.classes.length ? before.classes : undefined;
  const classes = dataset.numbered ? before.classes : trained ? dataset.classes : (its ?? dataset.classes);
  if (!pictures) return withCard(graph, { ...before, classes });
  const { shape, colors, channelsLast, mean, std, scale } = pictures;
  return withCard(graph, {
    classes,
    ...(white !== undefined && { mean, std, scale: (scale * 255) / white }),
    size: [shape[1], shape[2]],
    layout: channelsLast ? 'NHWC' : 'NCHW',
    colors,
    resize: pictures.resize ?? before.resize,
  });
}

/** The recipe with what it left open about the pictures of a folder, as it was found out. */
export function withPictures<R extends PictureSettings & { data: string }>(
  recipe: R,
  { pictures }: { pictures?: Pictures },
): R {
  if (!pictures || !recipe.data.startsWith('images:')) return recipe;
  const { mean, std, scale, resize } = pictures;
  return {
    ...recipe,
    resize: resize ?? recipe.resize,
    normalize: recipe.normalize ?? (scale === 255 ? `${mean.join(',')}/${std.join(',')}` : undefined),
  };
}

/** Settings that {@link withPictures} fills in. */
export const foundOut: readonly string[] = ['resize', 'normalize'];

/** Fewer pictures are looked at before anybody wonders what takes so long. */
const WORTH_TELLING = 1000;

/** Says once that the pictures of a folder are looked at, where there are many. */
export function tellingOf(onNote?: (sentence: string) => void): (done: number, all: number) => void {
  let silent = true;
  return (_, all) => {
    if (silent && all >= WORTH_TELLING) onNote?.(`Looking at ${all.toLocaleString('en')} pictures …`);
    silent = false;
  };
}
