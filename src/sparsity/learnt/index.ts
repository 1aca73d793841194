/** Methods that learn their masks by gradient: the public surface, and the registry. */
import { edgePopup } from '../methods/edge-popup.js';
import { probmask } from '../methods/probmask.js';
import { str } from '../methods/str.js';
import type { LearntMethod } from './types.js';

export type { LearntReport } from './layers.js';
export { project, projectByHalving, shiftFor } from './projection.js';
export { bakeMasks, insertMasks, type MaskOperator, maskable } from './rewrite.js';
export { keepRate, temperature } from './schedules.js';
export type { LearntContext, LearntMethod, LearntRun } from './types.js';
export { edgePopup, probmask, str };

/** A new one is a file in methods/ and its name here. */
export const learntMethods: readonly LearntMethod[] = [probmask, str, edgePopup];
