/** Where the playground's files are, of those of the page. */

/** The model that is to be pruned, and what its file was called. */
export const MODEL = '/model.onnx';
export const NAME = '/name.txt';
/** The training of the example. */
export const EXAMPLE = '/example';
/** The run. */
export const RUN = '/run';
