/** What the lowering of one model knows, and how its values come to lie in planes. */
import {
  type Buffer,
  densePlace,
  LANES,
  type Line,
  type LoweredValues,
  type Lowering,
  PLANE_TILE,
  type Place,
} from '../engine/lowering/index.js';
import type { CoreNode, Window } from '../graph/index.js';
import { floats } from '../onnx/index.js';
import type { Tail } from './fuse.js';
import { channelStride, freshPlanes, isImage, type Plane, type Planes } from './planes.js';

export interface Context {
  l: Lowering;
  v: LoweredValues;
  planes: Planes;
  tails: ReadonlyMap<CoreNode, Tail>;
  /** Parts that a step is cut into, so that threads share it. */
  parts: number;
  /** Of the buffers that hold planes. */
  held: Map<Buffer, Plane>;
  /** Phases of a value that were made already. */
  phased: Map<string, Place>;
  /** Values that are others with channels of zeros before and behind: what a residual may be. */
  widened: Map<string, { place: Place; before: number }>;
  /** Values that only stand as residuals. */
  residuals: ReadonlySet<string>;
}

export const isConstant = (c: Context, name: string): boolean => c.v.type(name).constant !== undefined;

export const contents = (c: Context, name: string): Float32Array => floats(c.v.type(name).constant!);

export const biasOf = (
  c: Context,
  node: CoreNode<'conv'>,
  name: string | undefined,
  outputs: number,
): Float32Array =>
  name !== undefined && name !== c.tails.get(node)?.residual ? contents(c, name) : new Float32Array(outputs);

/** The plane of a place whose images can be read with borders, as they are. */
export function planeAt(c: Context, p: Place): Plane | undefined {
  const plane = c.held.get(p.buffer);
  if (!plane || !isImage(p.shape)) return undefined;
  const [, , row, column] = p.strides;
  const whole = p.shape[2] === plane.height && p.shape[3] === plane.width;
  return whole && row === plane.pitch && column === 1 ? plane : undefined;
}

export const hold = (c: Context, channels: number, plane: Plane, phases = 1): Place => {
  const place = freshPlanes(channels, plane, phases);
  c.held.set(place.buffer, plane);
  return place;
};

/**
 * The value in planes fit for a window: as it lies, or copied, each phase of a stride in a plane of its own.
 * @param fill what stands around the pixels; other than 0 it takes a copy.
 */
export function inPlanes(
  c: Context,
  name: string,
  window: Window,
  fill = 0,
): { place: Place; plane: Plane; phases: number } {
  const from = c.v.place(name);
  const [, , height, width] = from.shape;
  const strided = window.strides.some((s) => s > 1);
  const here = strided || fill !== 0 ? undefined : planeAt(c, from);
  const wanted = strided ? c.planes.phases(height, width, window) : c.planes.of(height, width);
  if (here && here.pitch === wanted.pitch && here.margin >= wanted.margin)
    return { place: from, plane: here, phases: 1 };
  const phases = window.strides[0] * window.strides[1];
  const key = phasesKey(name, window.strides, fill);
  const made = c.phased.get(key) ?? split(c, from, wanted, window.strides, fill);
  c.phased.set(key, made);
  return { place: made, plane: wanted, phases };
}

/** Under which name a value's phases are kept. */
export const phasesKey = (name: string, strides: readonly number[], fill = 0): string =>
  `${name}/${strides}/${fill}`;

/** A copy of images in planes, or in planes of their phases. */
export function split(c: Context, from: Place, plane: Plane, strides: readonly number[], fill = 0): Place {
  const [, channels] = from.shape;
  const x = from.strides[3] === 1 || from.shape[3] === 1 ? from : densePlace(c.l, from);
  const to = hold(c, channels, plane, strides[0] * strides[1]);
  c.l.call.planePhases({
    x: { buffer: x.buffer },
    xOffset: x.offset,
    y: at(to),
    channels,
    height: x.shape[2],
    width: x.shape[3],
    sy: strides[0],
    sx: strides[1],
    xChannel: x.strides[1],
    xRow: x.strides[2],
    yPlane: channelStride(plane),
    yRow: plane.pitch,
    rows: plane.height,
    run: plane.run,
    margin: plane.margin,
    fill,
  });
  return to;
}

/** A place whose first pixel begins a line, as all planes do. */
export function at(p: Place): Line {
  if (p.offset % LANES !== 0) throw new Error('Planes must begin at a line');
  return { buffer: p.buffer, plus: p.offset / LANES };
}

/** Floats behind a run that the last tile may touch. */
const MASK_BEYOND = 2 * PLANE_TILE * LANES;

/** −1 for each pixel of the run, 0 between rows and beyond; a few vectors more, which row-wise tiles may touch. */
export function maskOf(c: Context, plane: Plane): Line | undefined {
  if (!plane.gaps) return undefined;
  const mask = new Int32Array(plane.run + MASK_BEYOND);
  for (let row = 0; row < plane.height; row++)
    mask.fill(-1, row * plane.pitch, row * plane.pitch + plane.width);
  return { buffer: c.l.table(mask) };
}
