/** What a graph says about itself: one that was not read from a file, and by which version its operators are meant. */
import { own } from '../base/index.js';
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

/** The version of a domain's operators; where the file names none, that of ai.onnx, and 1 without that. */
export const opsetOf = ({ opsets }: Source, domain: string): number =>
  own(opsets, domain) ?? own(opsets, '') ?? 1;
