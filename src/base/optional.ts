/** Packages that only some of what espalier does needs, and that are installed by whoever does it. */
import { fail } from './errors.js';

/**
 * The module of a package, imported on use.
 * @param what what needs it, as the beginning of a sentence: 'Decoding pictures'.
 * @throws UserError that says how to install it, where it is not there or has no binary for this machine.
 */
export async function importOptional<Module>(
  name: string,
  load: () => Promise<Module>,
  what: string,
): Promise<Module> {
  return load().catch((error: Error) => {
    const [line] = error.message.split('\n');
    const missing = (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND';
    return fail(
      missing
        ? `${what} needs the package ${name}, which is not installed here: npm install ${name}.`
        : `${what} needs the package ${name}, which does not load here (${line}): npm install ${name}.`,
    );
  });
}
