/** What a graph that was not read from a file says about itself. */
import type { Source } from './model.js';

/**
 * @param opset version of ai.onnx; the IR version is one that readers of that time know.
 */
export const newSource = (opset: number): Source => ({
  irVersion: opset < 9 ? 4 : opset < 18 ? 8 : 10,
  opsets: { '': opset },
  producerName: 'espalier',
  producerVersion: '',
  domain: '',
  modelVersion: 0,
  doc: '',
  metadata: {},
});
