/**
 * What every room needs and what knows of no room: errors, settings, random numbers, files, and text for people.
 * This is the only door of the room, but for `version.ts`, which the command line reads before it loads anything else.
 */

// An axis (importance, score, pull, …) whose entries are given by name or as a function, and files with methods of users' own.
export { asMany, nameOn } from './axis.js';
// Files: written whole or not at all, one process in a folder at a time, and no more unpacked than a file may hold.
export { inGigabytes, MOST_PER_BYTE, MOST_UNPACKED, refuseBomb } from './budget.js';
export { Claimed, claim, type Holder, holderOf, isClaimed, isHere, LostClaim } from './claim.js';
export { bytesOf, digestOfAll } from './digest.js';
// Errors: `fail(sentence)` throws a UserError, which people read without a stack trace.
export { causeOf, fail, UserError } from './errors.js';
export { appendTo, makeFolder, moveTo, reason, writeAtomically } from './files.js';
// Patterns with *, and text that is safe on a terminal and in JSON, and numbers as people read them.
export { globOf } from './glob.js';
// Who is asked before a file is written in a folder, and told after.
export { askKeepers, keep } from './keepers.js';
export { nearest } from './nearest.js';
export { importOptional } from './optional.js';
// Random numbers that depend on a seed and a counter, and on nothing else.
export { integer, normal, permutation, type Random, random, uniform, word } from './random.js';
// Records that may have any keys, those of Object.prototype included, and the numbers in nested ones.
export { emptyRecord, numbersByPath, own } from './records.js';
// Settings as data: what a value must be, its default and its help. Flags, recipes, help and refusals are made from them.
export * from './setting.js';
export * as setting from './setting.js';
export type { Source } from './source.js';
export { brief, visible, visibleJson, visibleLines, withBriefWords } from './text.js';
export { digestOfUserFiles, isUserFile, loadUserFile } from './user-file.js';
export { version } from './version.js';
export { bytes, capital, count, duration, large, percent } from './words.js';
