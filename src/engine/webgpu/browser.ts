/** WebGPU in a browser, whose pages and workers have it by themselves. */
import { fail } from '../../base/index.js';
import { Unavailable } from '../driver.js';
import { type Machine, machineOver, type Sparse } from '../machine.js';
import { nameOf, openWebGpu, requestAdapter } from './driver.js';
import type { WebGpuOptions } from './options.js';

/** Opens the GPU. Throws UserError where the browser or the machine has none. */
export async function openGpuHere(options: WebGpuOptions & { sparse?: Sparse } = {}): Promise<Machine> {
  try {
    return machineOver(await openWebGpu(here(), options), options.sparse);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    return fail(`The webgpu engine cannot be used: ${error.message}; use the engine wasm instead.`);
  }
}

/** The name of the GPU that a machine would be opened on; undefined where there is none. */
export async function gpuHere(): Promise<string | undefined> {
  try {
    return nameOf(await requestAdapter(here()));
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    return undefined;
  }
}

function here(): GPU {
  if (!navigator.gpu) throw new Unavailable('this browser offers no WebGPU to this page');
  return navigator.gpu;
}
