/** Only one process at a time carries out a study. */
import { join } from 'node:path';
import { claim, fail, makeFolder, reason } from '../../base/index.js';

/**
 * Claims the folder of a study; the answer gives it back.
 * @throws UserError when another process has it, or it cannot be written.
 */
export async function claimStudy(folder: string): Promise<() => Promise<void>> {
  try {
    await makeFolder(folder);
    return await claim(join(folder, 'study.lock'), `the study in ${folder}`);
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).code) throw error;
    return fail(`Cannot use ${folder} for a study: ${reason(error)}; give another folder.`);
  }
}
