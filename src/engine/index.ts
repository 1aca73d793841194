/**
 * The engine room: core graphs compiled to programs of kernel calls, and run on a machine: training, and inference of
 * batches.
 */

// Machines: memory, and a way to run programs over it.

export { type ApartOptions, noTraffic, type Traffic } from './apart.js';
export { type EngineName, engines, LINE } from './driver.js';
export { type Machine, machineOver, profileStride } from './machine.js';
export { engineAsked, type MachineChoice, type MachineOptions, openApart, openMachine } from './open.js';
export { type Embedded, openHere } from './wasm/browser.js';
export { openWasm } from './wasm/wasm.js';
export { gpuHere, openGpuHere } from './webgpu/browser.js';

// Networks on a machine: their parameters, inference and training.

export { MemoryError } from './inference.js';
export { byName } from './input.js';
export { type LoadOptions, loadNetwork } from './network.js';
export type * from './types.js';

// What a training step costs on a GPU.

export { asGpu, type GpuCost, gpuCost, H100 } from './webgpu/cost.js';

// Two networks side by side, fed the same inputs: what calibration compares.

export { type Lines, linesFrom, linesSize, openPair, type Pair, type Segment } from './pair.js';

// What espalier/runtime builds its own programs with; the lowering has an index of its own (lowering/index.ts).

export { accessTo } from './access.js';
export { gathered } from './lanes.js';
export { type Arena, arena } from './memory.js';
export { placesOf, tables, written } from './writing.js';
