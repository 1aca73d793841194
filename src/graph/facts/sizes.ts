/**
 * Dimensions that a file leaves open, and other sizes to try them at. What holds at the size that a model was looked at need
 * not hold at another, so whoever rewrites or checks a model looks at several.
 */
import { UserError } from '../../base/index.js';
import type { Graph } from '../../onnx/index.js';
import { sampleShape } from '../expand.js';
import { inferTypes } from './infer.js';

/** A dimension that inputs leave open: one symbol, or one axis that has none. The first axes of all inputs are the batch. */
export interface OpenDimension {
  /** As the file calls it, or after its place, such as "x, axis 1". */
  name: string;
  batch: boolean;
  /** What it is taken for; 1 for the batch. */
  size: number;
  places: readonly { input: string; axis: number }[];
}

/** Shapes of all inputs, the batch first. */
export type InputShapes = Record<string, readonly number[]>;

/** Sizes at which a model runs as well, as far as its shapes say. */
export interface OtherSizes {
  shapes: InputShapes;
  /** The dimensions that differ from what they are taken for. */
  changed: readonly OpenDimension[];
}

/** The batch, where it is among what differs. */
export function batchIn({ shapes, changed }: OtherSizes): number | undefined {
  const [place] = changed.find(({ batch }) => batch)?.places ?? [];
  return place && shapes[place.input][place.axis];
}

const isOpen = (dim: number | string | undefined): boolean => typeof dim !== 'number' || dim <= 0;

/** The open dimensions of a graph's inputs, the batch first. @throws UserError where `inputShapes` leaves one open. */
export function openDimensions(graph: Graph, inputShapes: InputShapes = {}): OpenDimension[] {
  const batchSymbols = new Set(
    graph.inputs.map(({ shape }) => shape?.[0]).filter((dim) => typeof dim === 'string' && dim !== ''),
  );
  const found = new Map<string, { name: string; batch: boolean; size: number; places: Place[] }>();
  for (const value of graph.inputs) {
    const sample = sampleShape(value, inputShapes, graph.inputs);
    sample.forEach((size, axis) => {
      const dim = value.shape?.[axis];
      if (value.shape && !isOpen(dim)) return;
      const batch = axis === 0 || batchSymbols.has(dim);
      const name = typeof dim === 'string' && dim !== '' ? dim : `${value.name}, axis ${axis}`;
      const key = batch ? '' : name;
      const known = found.get(key) ?? { name, batch, size, places: [] };
      known.places.push({ input: value.name, axis });
      found.set(key, known);
    });
  }
  return [...found.values()].sort((a, b) => Number(b.batch) - Number(a.batch));
}

type Place = OpenDimension['places'][number];

/** How many sizes of a dimension are looked at beside its own. */
const SIZES = 2;

/** Sizes to try instead of n, likely ones first: images come in multiples of 32, and tables of positions end somewhere. */
function candidates({ batch, size: n }: OpenDimension): number[] {
  if (batch) return [n + 2];
  const list =
    n > 64 ? [n / 2, n - 32, n + 32, 2 * n, n + 1, n - 1] : [2 * n, n + 1, n / 2, n + 2, 3 * n, n - 1];
  return list.filter((size) => Number.isInteger(size) && size > 1 && size !== n);
}

/**
 * Input shapes that differ from the given ones in open dimensions: each by itself, at two sizes where there are two, and all
 * together; where one does not change alone, those of the same size change with it. Empty where nothing is open, or where no other
 * size fits the model. Only shapes are followed, so a runtime may still refuse one of them.
 */
export function otherSizes(graph: Graph, inputShapes: InputShapes = {}): OtherSizes[] {
  const open = openDimensions(graph, inputShapes);
  const fits = (shapes: InputShapes, changed: readonly OpenDimension[]): boolean => {
    try {
      inferTypes(graph, { inputShapes: shapes, batch: batchIn({ shapes, changed }) });
      return true;
    } catch (error) {
      if (error instanceof UserError) return false;
      throw error;
    }
  };
  const shapesAt = (sizes: ReadonlyMap<OpenDimension, number>): InputShapes =>
    Object.fromEntries(
      graph.inputs.map((value) => {
        const shape = sampleShape(value, inputShapes, graph.inputs);
        for (const [{ places }, size] of sizes)
          for (const { input, axis } of places) if (input === value.name) shape[axis] = size;
        return [value.name, shape];
      }),
    );
  const found: OtherSizes[] = [];
  const together = new Map<OpenDimension, number>();
  const attempt = (changed: readonly OpenDimension[]): boolean => {
    const before = found.length;
    for (const size of candidates(changed[0])) {
      const sizes = new Map(changed.map((dimension) => [dimension, size]));
      const shapes = shapesAt(sizes);
      if (found.length - before === SIZES || !fits(shapes, changed)) continue;
      if (found.length === before) for (const [dimension, own] of sizes) together.set(dimension, own);
      found.push({ shapes, changed });
    }
    return found.length > before;
  };
  for (const dimension of open) {
    if (together.has(dimension) || attempt([dimension])) continue;
    const alike = open.filter(({ batch, size }) => batch === dimension.batch && size === dimension.size);
    if (alike.length > 1) attempt(alike);
  }
  const all = shapesAt(together);
  const changed = [...together.keys()];
  if (
    changed.length > 1 &&
    changed.length > Math.max(...found.map((one) => one.changed.length)) &&
    fits(all, changed)
  )
    found.push({ shapes: all, changed });
  return found;
}
