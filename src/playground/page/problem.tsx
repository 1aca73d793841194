/** What went wrong at a step of the page. */
import { problem } from './state.js';

export function Problem({ where }: { where: string }) {
  return problem.value?.where === where ? <p role="alert">{problem.value.sentence}</p> : null;
}
