/**
 * The lowering: from core graphs to the kernel calls of a program, and where values lie in memory. The engine and
 * espalier/runtime share it: the engine lays samples side by side in lanes, the runtime lays the image plane of one
 * sample there.
 */

// From nodes to calls: what is fused, and how each operator is lowered.

export { fuse, type Pass, type Unit } from './fuse.js';
export { compileExpressions } from './instructions.js';
export { lower, madeBy } from './lower.js';
export { lowerCopy, lowerFill, lowerMap } from './map.js';
export { lowerScan } from './scan.js';
export { WINOGRAD_DENSITY } from './winograd.js';

// Places: where a value lies in a buffer, and with what strides.

export { densePlace } from './dense.js';
export { type Buffer, type Line, type Place, reshaped, sliced, type Word, wholePlace } from './place.js';

// The program while it is written, its memory, and its words.

export { kernelsOf } from './assemble.js';
export { beginSteps, inputPlace, makersOf } from './begin.js';
export type { MapCall } from './calls.js';
export { type Layout, namedWords } from './layout.js';
export { planMemory } from './plan.js';
export { type Choice, fresh, type LoweredValues, type Lowering, type Step } from './steps.js';

// What kernels fix: lanes in a line, and the axes of their loops.

export { COPY_AXES, COPY_ROW_AXES, LANES, MAP_ROW_AXES, PLANE_TILE } from './contract.js';
