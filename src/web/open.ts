/** Opens machines in a page: the one place that decides which engine computes there. What open.ts of the engine is in Node. */
import { fail } from '../base/index.js';
import {
  type Embedded,
  type EngineName,
  type Machine,
  type MachineOptions,
  openGpuHere,
  openHere,
} from '../engine/index.js';

let embedded: Embedded | undefined;

/** The bundle says what it brings along, before anything else. */
export function bring(given: Embedded): void {
  embedded = given;
}

/** A page has no variables. */
export const engineAsked = (engine?: EngineName): string | undefined => engine;

/** Opens a machine. Throws UserError on settings that cannot be met. */
export async function openMachine({
  engine = 'wasm',
  threads,
  ...options
}: MachineOptions = {}): Promise<Machine> {
  switch (engine) {
    case 'wasm':
      return openHere(embedded!, threads, options.sparse);
    case 'webgpu':
      return openGpuHere(options);
    default:
      return fail(`There is no engine ${engine} in a browser: use wasm or webgpu, or leave the setting out.`);
  }
}
