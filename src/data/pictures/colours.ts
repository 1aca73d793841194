/** Images in the channels that a model wants: grey made of colours, colours made of grey, and blue first. */
import type { Image } from './image.js';

/** Shares of red, green and blue in luma (ITU-R BT.601), as in every image library's grey. */
export const LUMA = [0.299, 0.587, 0.114];

/** From so many channels to so many others; undefined where there is no way. */
export function conversion(from: number, to: number): ((image: Image) => Image) | undefined {
  if (from === to) return (image) => image;
  return from === 3 && to === 1 ? toGrey : from === 1 && to === 3 ? toColour : undefined;
}

function toGrey({ data, height, width }: Image): Image {
  const plane = height * width;
  const grey = data instanceof Uint8Array ? new Uint8Array(plane) : new Float32Array(plane);
  const round = data instanceof Uint8Array ? 0.5 : 0;
  for (let i = 0; i < plane; i++)
    grey[i] = LUMA[0] * data[i] + LUMA[1] * data[plane + i] + LUMA[2] * data[2 * plane + i] + round;
  return { data: grey, channels: 1, height, width };
}

function toColour({ data, height, width }: Image): Image {
  const plane = height * width;
  const colour = data instanceof Uint8Array ? new Uint8Array(3 * plane) : new Float32Array(3 * plane);
  for (let c = 0; c < 3; c++) colour.set(data.subarray(0, plane), c * plane);
  return { data: colour, channels: 3, height, width };
}

/** Blue, green, red from red, green, blue. */
export function turned(image: Image): Image {
  const plane = image.height * image.width;
  const data = image.data.slice();
  for (let c = 0; c < 3; c++) data.set(image.data.subarray(c * plane, (c + 1) * plane), (2 - c) * plane);
  return { ...image, data };
}
