/** WebGPU in Node, by the optional package `webgpu` (Dawn), or by the module that ESPALIER_WEBGPU names. */
import { type Driver, Unavailable } from '../driver.js';
import { openWebGpu } from './driver.js';
import type { WebGpuOptions } from './options.js';

/** What the package offers. */
interface Dawn {
  create(flags: readonly string[]): GPU;
}

/** Opens the GPU; throws Unavailable where the package or a GPU is missing. */
export async function openWebGpuInNode(options?: WebGpuOptions): Promise<Driver> {
  return openWebGpu((await dawn()).create([]), options);
}

async function dawn(): Promise<Dawn> {
  // Its name is no literal, since its types are not there where it is not installed.
  const name = process.env.ESPALIER_WEBGPU || 'webgpu';
  try {
    return (await import(name)) as Dawn;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_MODULE_NOT_FOUND' && message.includes(`'${name}'`))
      throw new Unavailable('the package webgpu is not installed (npm install webgpu)');
    throw new Unavailable(`the package webgpu does not load (${message.split('\n')[0]})`);
  }
}
