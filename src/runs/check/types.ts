/** What a check is given, and what it says. */
import type { Machine } from '../../engine/index.js';
import type { Graph } from '../../onnx/index.js';
import type { Samples } from '../samples.js';

export interface ExportCheck {
  /** 'onnxruntime 1.30.0'; absent where it is not installed, or cannot run the model, and the file was not checked. */
  by?: string;
  /** That were compared; of a model whose run is not made of samples, runs. */
  samples: number;
  /**
   * The largest difference from the engine's answers, as a share of the largest answer; absent where the engine has none, and
   * onnxruntime only ran the file.
   */
  error?: number;
  /** The tensors that were compared, where the engine computes the model only as far as these. */
  compared?: readonly string[];
  /** What was allowed, where it was more than 10⁻⁴, and of what kind the difference is. */
  allowed?: number;
  note?: string;
  /** Why nothing could check it, where it is not that onnxruntime is not installed. */
  unchecked?: string;
}

export interface CheckOptions {
  /** The machine that computes the engine's answers. */
  machine: Machine;
  /** Shapes of inputs whose dimensions the file leaves open, by input name, batch first. */
  inputShapes: Record<string, number[]>;
  /** Samples to compare answers on. */
  samples: Samples;
  /** The model that the run began with. */
  original?: Graph;
}

/** A check, and the sentence that says why it was not passed. */
export type Outcome = ExportCheck & { refused?: string };
