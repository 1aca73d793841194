/**
 * What a picture is for a model, apart from any data set: its channels and colours, its size, the numbers that pixels become, and the card
 * that says so in a model. Training and espalier/runtime share it, so that both show a model the same numbers.
 */
export { looksChannelsLast, takesChannelsLast } from './axes.js';
export { type Card, type Colors, cardOf, type ResizeMode, resizeModes, withCard } from './card.js';
export { conversion, LUMA, turned } from './colours.js';
export type { Image, ImageShape } from './image.js';
export { normalizer } from './normalize.js';
export { fit } from './resize.js';
