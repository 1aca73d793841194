/** Only one process at a time carries out a study: its number lies in the folder while it does. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../base/errors.js';
import { makeFolder, reason } from '../../base/files.js';

/**
 * Claims the folder of a study; the answer gives it back.
 * @throws UserError when another process has it, or it cannot be written.
 */
export async function claimStudy(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'study.pid');
  try {
    await makeFolder(folder);
    const holder = Number(await readFile(path, 'utf8').catch(() => 0));
    if (holder && isAlive(holder))
      fail(
        `Process ${holder} is at work on the study in ${folder}; wait for it, or delete ${path} if it is something else.`,
      );
    await rm(path, { force: true });
    await writeFile(path, String(process.pid), { flag: 'wx' });
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).code) throw error;
    fail(`Cannot use ${folder} for a study: ${reason(error)}; give another folder.`);
  }
  return () => rm(path, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
