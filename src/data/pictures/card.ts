/**
 * What a model says of the pictures and classes it was made for: its card, kept in the metadata of the .onnx, an entry each, and so in packed
 * files, too.
 *
 *     espalier.classes  ["cat", "dog"]            espalier.size    [224, 224]   height, width
 *     espalier.mean     [0.485, 0.456, 0.406]     espalier.layout  NCHW         or NHWC
 *     espalier.std      [0.229, 0.224, 0.225]     espalier.colors  RGB          or BGR, grey
 *     espalier.scale    255                       espalier.resize  crop         or squash, pad
 *
 * A byte p of a picture becomes (p / scale − mean) / std, in the order of the channels that the model takes.
 *
 * Read, too, is what others write: `names`, `imgsz` and `task` of Ultralytics, the `Image.…` entries of the ONNX standard, and a list of
 * classes under the names that people give it. None of it is trusted: what cannot be read is not there.
 */
import type { Graph } from '../../onnx/index.js';
import { type Literal, readLiteral } from './literal.js';

export const resizeModes = ['squash', 'crop', 'pad'] as const;

/** How a picture of another size is brought to the model's: see `fit` in augment.ts. */
export type ResizeMode = (typeof resizeModes)[number];

/** In which order a model takes the channels of a pixel. */
export type Colors = 'RGB' | 'BGR' | 'grey';

/** Of each, what is known. */
export interface Card {
  /** By the number of the output. */
  readonly classes?: readonly string[];
  /** One number for each channel, or one for all; there where {@link std} is. */
  readonly mean?: readonly number[];
  /** One number for each channel, or one for all. */
  readonly std?: readonly number[];
  /** What a byte of a picture is divided by before that; 255 where it is left out. */
  readonly scale?: number;
  /** Height and width. */
  readonly size?: readonly [height: number, width: number];
  /** Whether channels come before height and width, or after them. */
  readonly layout?: 'NCHW' | 'NHWC';
  /** Order of the colour channels. */
  readonly colors?: Colors;
  /** How pictures of another size are brought to it. */
  readonly resize?: ResizeMode;
}

type Metadata = Readonly<Record<string, string>>;

const PREFIX = 'espalier.';
const MOST_CLASSES = 100_000;
const LARGEST_SIDE = 2 ** 16;

/** The card of a model, as far as its metadata say. */
export function cardOf({ source }: Pick<Graph, 'source'>): Card {
  return { ...defined(foreignCard(source.metadata)), ...defined(ownCard(source.metadata)) };
}

/** The model with a card in its metadata in the place of whatever stood there; what others wrote and says otherwise goes. */
export function withCard(graph: Graph, card: Card): Graph {
  const entries = (Object.entries(defined(card)) as [string, unknown][]).map(([key, value]) => [
    PREFIX + key,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const kept = Object.entries(graph.source.metadata).filter(
    ([key, value]) => !key.startsWith(PREFIX) && !contradicts(key, value, card),
  );
  return { ...graph, source: { ...graph.source, metadata: Object.fromEntries([...kept, ...entries]) } };
}

/** Whether an entry that somebody else wrote says something else than the card. */
function contradicts(key: string, value: string, card: Card): boolean {
  const said = defined(foreignCard({ [key]: value }));
  return (Object.keys(said) as (keyof Card)[]).some(
    (name) => card[name] !== undefined && JSON.stringify(said[name]) !== JSON.stringify(card[name]),
  );
}

const defined = <T extends object>(card: T): T =>
  Object.fromEntries(Object.entries(card).filter(([, value]) => value !== undefined)) as T;

function ownCard(metadata: Metadata): Card {
  const entry = (key: keyof Card) => own(metadata, PREFIX + key);
  const literal = (key: keyof Card) => {
    const text = entry(key);
    return text === undefined ? undefined : readLiteral(text);
  };
  const [mean, std] = [numbersIn(literal('mean')), numbersIn(literal('std'))];
  const scale = literal('scale');
  const fits = mean && std && mean.length === std.length && std.every((s) => s > 0);
  return {
    classes: classesIn(literal('classes')),
    ...(fits && { mean, std }),
    scale: fits && typeof scale === 'number' && scale > 0 && Number.isFinite(scale) ? scale : undefined,
    size: sizeIn(literal('size')),
    layout: oneOf(entry('layout'), ['NCHW', 'NHWC']),
    colors: oneOf(entry('colors'), ['RGB', 'BGR', 'grey']),
    resize: oneOf(entry('resize'), resizeModes),
  };
}

/** The names under which classes are found. */
const CLASSES = ['names', 'classes', 'class_names', 'labels', 'id2label'];

/** Ranges of the numbers that a model takes, by the standard's names for them. */
const RANGES: Readonly<Record<string, Pick<Card, 'mean' | 'std' | 'scale'>>> = {
  NominalRange_0_255: { mean: [0], std: [1], scale: 1 },
  Normalized_0_1: { mean: [0], std: [1], scale: 255 },
  Normalized_1_1: { mean: [0.5], std: [0.5], scale: 255 },
};

const PIXELS: Readonly<Record<string, Colors>> = { Gray8: 'grey', Rgb8: 'RGB', Bgr8: 'BGR' };

function foreignCard(metadata: Metadata): Card {
  const classes = CLASSES.map((key) => namesIn(own(metadata, key))).find((names) => names !== undefined);
  const size = own(metadata, 'imgsz');
  const range = own(RANGES, own(metadata, 'Image.NominalPixelRange') ?? '');
  return {
    classes,
    size: size === undefined ? undefined : sizeIn(readLiteral(size)),
    colors: own(PIXELS, own(metadata, 'Image.BitmapPixelFormat') ?? ''),
    ...range,
    ...ultralytics(metadata),
  };
}

/** Its models take colours from 0 to 1 and nothing else, its classifiers the middle of a picture, its detectors all of it. */
function ultralytics(metadata: Metadata): Card {
  const task = own(metadata, 'task');
  if (own(metadata, 'author') !== 'Ultralytics' || task === undefined) return {};
  return {
    ...{ mean: [0], std: [1], scale: 255, colors: 'RGB', layout: 'NCHW' },
    resize: task === 'classify' ? 'crop' : 'pad',
  };
}

const own = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;

const oneOf = <T extends string>(text: string | undefined, all: readonly T[]): T | undefined =>
  all.find((one) => one === text);

/** Class names in a literal, or in words with commas or line breaks between them. */
function namesIn(text: string | undefined): string[] | undefined {
  if (text === undefined) return undefined;
  const literal = readLiteral(text);
  if (literal !== undefined) return classesIn(literal);
  if (/^\s*[[{(]/.test(text)) return undefined;
  const words = text.split(/\r?\n|,/).map((word) => word.trim());
  return words.length > 1 ? classesIn(words.at(-1) === '' ? words.slice(0, -1) : words) : undefined;
}

/** A list of names, or names by the numbers 0 to n − 1, whatever their order. */
function classesIn(literal: Literal | undefined): string[] | undefined {
  const listed = literal instanceof Map ? inOrder(literal) : literal;
  if (!Array.isArray(listed) || listed.length < 1 || listed.length > MOST_CLASSES) return undefined;
  const names = listed.map((name) => (typeof name === 'number' ? String(name) : name));
  return names.every((name) => typeof name === 'string' && name !== '') ? (names as string[]) : undefined;
}

function inOrder(entries: ReadonlyMap<string | number, Literal>): Literal[] | undefined {
  const byNumber = new Map([...entries].map(([key, value]) => [Number(key), value]));
  const all = Array.from({ length: entries.size }, (_, i) => byNumber.get(i));
  return all.every((value) => value !== undefined) ? (all as Literal[]) : undefined;
}

function numbersIn(literal: Literal | undefined): number[] | undefined {
  const listed = typeof literal === 'number' ? [literal] : literal;
  if (!Array.isArray(listed) || ![1, 3, 4].includes(listed.length)) return undefined;
  return listed.every((x) => typeof x === 'number' && Number.isFinite(x)) ? (listed as number[]) : undefined;
}

/** A side, or height and width. */
function sizeIn(literal: Literal | undefined): [number, number] | undefined {
  const listed = typeof literal === 'number' ? [literal] : literal;
  if (!Array.isArray(listed) || listed.length < 1 || listed.length > 2) return undefined;
  const sides = listed.filter(
    (side): side is number => Number.isInteger(side) && Number(side) > 0 && Number(side) <= LARGEST_SIDE,
  );
  return sides.length === listed.length ? [sides[0], sides.at(-1)!] : undefined;
}
