/** Methods that learn their masks by gradient: the public surface, and the registry. */
import { together } from '../../base/index.js';
import { edgePopup } from '../methods/edge-popup.js';
import { probmask, type probmaskSettings } from '../methods/probmask.js';
import { type steering, str } from '../methods/str.js';
import { gradualSettings } from '../settings.js';
import type { LearntMethod } from './types.js';

export type { LearntReport } from './layers.js';
export { project, projectByHalving, shiftFor } from './projection.js';
export { bakeMasks, insertMasks, type MaskOperator, maskable } from './rewrite.js';
export { keepRate, temperature } from './schedules.js';
export type { LearntContext, LearntMethod, LearntRun } from './types.js';
export { edgePopup, probmask, str };

/** A new one is a file in methods/ and its name here. */
const byName = { probmask, str, 'edge-popup': edgePopup };

/** Every method with what it can be told. */
export type LearntMethods = typeof byName;

/** All built-in methods that learn their masks by gradient. */
export const learntMethods: readonly LearntMethod[] = Object.values(byName);

type UnstructuredSettings = typeof gradualSettings & typeof probmaskSettings & typeof steering;

/** The settings of all methods that remove single weights. */
export const unstructuredSettings = together([
  { owner: '', settings: gradualSettings },
  ...learntMethods.map(({ name: owner, settings }) => ({ owner, settings })),
]) as UnstructuredSettings;
