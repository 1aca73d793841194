/** A GPU for tests, where there is one. */
import { UserError } from '../base/index.js';
import { type Machine, type MachineOptions, openMachine } from './index.js';

/** The machine, or the reason why there is no GPU here. */
export async function openGpu(
  options: Pick<MachineOptions, 'subgroups' | 'timed'> = {},
): Promise<Machine | string> {
  try {
    return await openMachine({ ...options, engine: 'webgpu' });
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}
