/** The module that carries out one run of a study in a process of its own. */
import { fileURLToPath } from 'node:url';

export const studyRun = fileURLToPath(new URL('./study-run.js', import.meta.url));
