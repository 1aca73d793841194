/**
 * The base room: what every room needs and what knows of no room. It has two small doors beside this one, for a command line that is
 * asked for its version (`version.ts`) or its help (`told.ts`) and loads nothing else.
 */

// Errors: `fail(sentence)` throws a UserError, which people read without a stack trace.

export { causeOf, fail, UserError } from './errors.js';

// Settings as data: what a value must be, its default and its help. Flags, recipes, help and refusals are made from them.

export * from './setting.js';
export * as setting from './setting.js';

// Axes of methods (importance, score, pull, …), whose entries are given by name or as functions, and files of users' own.

export { asMany, nameOn, refuseNaN } from './axis.js';
export type { PaperSource } from './source.js';
export { digestOfUserFiles, isUserFile, loadUserFile } from './user-file.js';

// Random numbers that depend on a seed and a counter, and on nothing else.

export { integer, normal, permutation, type Random, random, uniform, word } from './random.js';

// Files: written whole or not at all, one process in a folder at a time, and unpacked up to a budget.

export { inGigabytes, MOST_PER_BYTE, MOST_UNPACKED, refuseBomb } from './budget.js';
export {
  Claimed,
  claim,
  type Holder,
  holderOf,
  introduce,
  isClaimed,
  isGone,
  isHere,
  LostClaim,
} from './claim.js';
export { asBytes, digestOfAll } from './digest.js';
export { appendTo, makeFolder, moveTo, reason, writeAtomically } from './files.js';
export { namesMeant } from './glob.js';
export { guarded, guardedParts } from './guard.js';
export { askKeepers, keep } from './keepers.js';
export { importOptional } from './optional.js';

// Records with any keys, text for terminals and JSON, and numbers as people read them.

export { nearest } from './nearest.js';
export { emptyRecord, isRecord, numbersByPath, own } from './records.js';
export { brief, latin1, visible, visibleJson, visibleLines, withBriefWords } from './text.js';
export { version } from './version.js';
export { bytes, capital, count, duration, large, percent } from './words.js';
