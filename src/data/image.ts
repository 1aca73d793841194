/** What an image is, before and after augmentation. */

/** One picture, channels first: `data[(c · height + y) · width + x]`, in the data set's own scale. */
export interface Image {
  readonly data: Uint8Array | Float32Array;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Channels, height and width of the images in a batch. */
export type ImageShape = readonly [channels: number, height: number, width: number];
