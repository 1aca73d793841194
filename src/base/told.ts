/** What is told to people: errors and text made fit for terminals. A door of its own, so that help is shown without the rest of the room. */
export { fail, UserError } from './errors.js';
export { visibleJson, visibleLines } from './text.js';
export { version } from './version.js';
