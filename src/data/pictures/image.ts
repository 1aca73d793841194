/** What an image is, before and after augmentation. */

/** One picture, channels first: `data[(c · height + y) · width + x]`, in the data set's own scale. */
export interface Image {
  /** Pixel values, channel by channel, row by row. */
  readonly data: Uint8Array | Float32Array;
  /** Number of channels: 3 for colour, 1 for grey. */
  readonly channels: number;
  /** Height in pixels. */
  readonly height: number;
  /** Width in pixels. */
  readonly width: number;
}

/** Channels, height and width of the images in a batch. */
export type ImageShape = readonly [channels: number, height: number, width: number];
